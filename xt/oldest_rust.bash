#!/usr/bin/env bash
# xt/oldest_rust.bash [ARGUMENT...]: compiles the module with the oldest Rust that Cargo.toml promises, so that the promise holds.
#
# It needs that version from rustup: rustup toolchain install VERSION --profile minimal. ARGUMENTs are cargo's: without them, `check --locked
# --release`, which finds what does not compile in a minute or two.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=script/toolchain.bash
. script/toolchain.bash

oldest=$(rust_wanted).0
if ! cargo "+$oldest" --version >/dev/null 2>&1; then
    echo "oldest_rust: SKIPPED: there is no Rust $oldest (rustup toolchain install $oldest --profile minimal)"
    exit 0
fi
[ $# -gt 0 ] || set -- check --locked --release
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/xt-oldest cargo "+$oldest" "$@"
echo "oldest_rust: compiles with $(rustc "+$oldest" --version)"
