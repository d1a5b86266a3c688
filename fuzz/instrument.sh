#!/bin/sh
# The compiler with coverage for libFuzzer in this project's own crates. Cargo calls it in rustc's place: the flags
# belong to LLVM, which stable compilers have, and leaving the dependencies out keeps the fuzzer's eyes on our code.
case " $* " in
*" --crate-name vas_"*)
    exec "$@" -Ccodegen-units=1 -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
        -Cllvm-args=-sanitizer-coverage-trace-compares
    ;;
*) exec "$@" ;;
esac
