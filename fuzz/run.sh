#!/bin/bash
# Fuzzes every target for so many seconds, or those that are named: fuzz/run.sh SECONDS [TARGET...].
#
# Starts from the inputs in fuzz/corpus and keeps what it finds beside the build (target/fuzz). An input that breaks a
# target goes to fuzz/corpus, where `make test` finds it from then on.
set -euo pipefail
target_dir=$(realpath -m "${CARGO_TARGET_DIR:-$(dirname "$0")/../target}")
cd "$(dirname "$0")"

seconds=${1:?give the seconds for each target}
shift
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    targets=($(sed -n 's/.*Target { name: "\([a-z0-9_]*\)".*/\1/p' src/*.rs))
fi
RUSTC_WRAPPER="$PWD/instrument.sh" cargo build --locked --target-dir "$target_dir"

failed=0
for name in "${targets[@]}"; do
    found="$target_dir/fuzz/$name"
    mkdir -p "$found" "corpus/$name"
    echo "== $name"
    # A second, 512 MB and 4 kB for each input.
    if ! VAS_FUZZ_TARGET="$name" "$target_dir/debug/vas-fuzz" "$found" "corpus/$name" -max_total_time="$seconds" \
        -timeout=1 -rss_limit_mb=512 -max_len=4096 -print_final_stats=1 -artifact_prefix="corpus/$name/" \
        2>"$found.log"; then
        failed=1
        tail -n 40 "$found.log"
    fi
    grep -E '^stat::(number_of_executed_units|peak_rss_mb)' "$found.log" || true
done
exit "$failed"
