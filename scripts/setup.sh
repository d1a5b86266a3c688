#!/usr/bin/env bash
# setup.sh build|dashboard|lint|py|test: installs what the machine lacks for that make target, saying what, asking nothing.
# It does nothing, and takes no noticeable time, where everything is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export DEBIAN_FRONTEND=noninteractive

# What the tests play from, look with and measure by: a browser, a TURN server between it and VAS, the oracle for
# streams, an independent RTSP server with its encoders, and a font for the clocks drawn into test pictures.
test_packages=(
  chromium
  coturn
  ffmpeg
  fonts-dejavu-core
  gir1.2-gst-rtsp-server-1.0
  gstreamer1.0-libav
  gstreamer1.0-plugins-bad
  gstreamer1.0-plugins-base
  gstreamer1.0-plugins-good
  gstreamer1.0-plugins-ugly
  gstreamer1.0-tools
  postgresql
  python3-gi
)
node_oldest=20.19
node_package=22
cargo_deny=0.20.2
moto=5.2.5

say() { printf 'setup: %s\n' "$*"; }
fail() { say "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"
  elif have sudo; then sudo -n --preserve-env=DEBIAN_FRONTEND "$@"
  else fail "root rights are needed for: $*"
  fi
}

# Shows what a command printed only if it fails.
quietly() {
  local log
  log=$(mktemp)
  if ! "$@" >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    fail "failed: $*"
  fi
  rm -f "$log"
}

apt_updated=no
apt_install() {
  have apt-get || fail "install these by hand, there is no apt-get here: $*"
  say "installing $* (apt)..."
  if [ "$apt_updated" = no ]; then
    quietly as_root apt-get update -qq
    apt_updated=yes
  fi
  # A new machine may still be busy with its own first updates.
  quietly as_root apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=600 "$@"
}

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

need_cargo() {
  have cargo || fail "cargo is missing: install Rust (the version is rust-version in Cargo.toml) from https://rustup.rs"
}

# Compiles aws-lc (cryptography), openh264 (the test camera's encoder) and SQLite.
need_compiler() {
  if ! have g++ || ! have cc; then apt_install g++ libc6-dev; fi
}

# need_component NAME: a part of the Rust toolchain, also called as `cargo NAME`.
need_component() {
  cargo "$1" --version >/dev/null 2>&1 && return
  have rustup || fail "cargo $1 is missing: install it beside your Rust toolchain"
  say "installing $2 (rustup)..."
  rustup component add "$2"
}

need_lint_tools() {
  need_component fmt rustfmt
  need_component clippy clippy
  if ! cargo deny --version >/dev/null 2>&1; then
    say "installing cargo-deny (cargo, a few minutes)..."
    # It runs for a second or two: building it without optimisation saves minutes.
    CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_DEBUG=false \
      CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 cargo install --locked --quiet "cargo-deny@$cargo_deny"
  fi
}

need_test_packages() {
  local missing=() package
  for package in "${test_packages[@]}"; do
    installed "$package" || missing+=("$package")
  done
  if [ "${#missing[@]}" -gt 0 ]; then apt_install "${missing[@]}"; fi
}

need_venv() {
  python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || apt_install python3 python3-venv
}

node_is_new() {
  have node && have npm && printf '%s\n' "$node_oldest" "$(node --version | tr -d v)" | sort -CV
}

# Distributions have older ones; then npm itself brings a newer one, as a package.
need_node() {
  node_is_new && return
  if ! have npm; then apt_install nodejs npm; fi
  node_is_new && return
  say "installing Node $node_package (npm), as this is $(node --version)..."
  quietly as_root npm install --global --no-audit --no-fund "node@$node_package"
  hash -r
  node_is_new || fail "Node $node_oldest or later is needed, this is $(node --version)"
}

# need_npm FOLDER WHAT: the packages of a lock file. npm keeps its own copy of it inside node_modules; a stamp tells apart
# a finished installation of this lock from any other.
need_npm() {
  local stamp=$1/node_modules/.installed
  cmp -s "$1/package-lock.json" "$stamp" && return
  say "installing $2 (npm)..."
  npm ci --prefix "$1" --no-audit --no-fund --no-update-notifier --loglevel=error
  cp "$1/package-lock.json" "$stamp"
}

need_dashboard_packages() {
  need_node
  need_npm vas-server/dashboard "the dashboard's packages: Solid, Vite, hls.js and their like"
}

# What tests in the browser use: its driver, a client library and the bundler for it.
need_browser_packages() {
  need_npm tests/browser "the browser tests' packages: playwright-core, mediasoup-client, hls.js, esbuild"
}

# The S3 service of the tests, in an environment of its own.
need_moto() {
  local folder="${CARGO_TARGET_DIR:-target}/moto"
  [ "$(cat "$folder/.installed" 2>/dev/null)" = "$moto" ] && return
  say "installing moto[server] $moto, an S3 service for the tests (pip)..."
  need_venv
  python3 -m venv --clear "$folder"
  quietly "$folder/bin/pip" install --quiet --disable-pip-version-check "moto[server]==$moto"
  printf '%s' "$moto" >"$folder/.installed"
}

# The client that holds the server against the contract, and what tries every call of the API's document.
need_contract() {
  local folder="${CARGO_TARGET_DIR:-target}/contract" wanted=tests/contract/requirements.txt
  cmp -s "$wanted" "$folder/.installed" && return
  say "installing the contract tests' packages: httpx, pytest, schemathesis, websockets (pip)..."
  need_venv
  python3 -m venv --clear "$folder"
  quietly "$folder/bin/pip" install --quiet --disable-pip-version-check -r "$wanted"
  cp "$wanted" "$folder/.installed"
}

need_cargo
need_compiler
case "${1:-}" in
  build) ;;
  dashboard) need_dashboard_packages ;;
  lint)
    need_lint_tools
    need_dashboard_packages
    ;;
  py) need_venv ;;
  test)
    need_test_packages
    need_node
    need_browser_packages
    need_dashboard_packages
    need_moto
    need_contract
    ;;
  *) fail "usage: scripts/setup.sh build|dashboard|lint|py|test" ;;
esac
