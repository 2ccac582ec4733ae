#!/usr/bin/env bash
# xt/fuzz.bash [SECONDS] [FIRST SEED]: tries mutations of fuzz/corpus/inputs, for so long (60 s) for each kind of input.
# It needs no nightly Rust and no cargo-fuzz; fuzz/README.md says how to run libFuzzer on the same checks.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
FUZZ_SECONDS=${1:-60} FUZZ_FROM=${2:-$((RANDOM * 1000000))} cargo test --test fuzz_corpus inputs -- --nocapture 2>&1 | grep -v '^Mesos: '
