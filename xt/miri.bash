#!/usr/bin/env bash
# xt/miri.bash: the unit tests of modules without sockets and threads in Miri, which finds undefined behaviour that a processor forgives.
# It takes some twenty minutes.
#
# It needs a nightly Rust with Miri: rustup toolchain install nightly --component miri. It is skipped, with a word, where that is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! cargo +nightly miri --version >/dev/null 2>&1; then
    echo 'miri: SKIPPED: there is no nightly Rust with Miri'
    exit 0
fi
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/xt-miri
# Some tests read the time, and files of this checkout.
export MIRIFLAGS=-Zmiri-disable-isolation
# `reckon` compares thousands of random sums, which takes hours.
cargo +nightly miri test --locked --lib -- message:: native::protocol:: resources:: \
    local::helper_protocol local::master::filters local::clock --skip reckon::tests
echo 'miri: done'
