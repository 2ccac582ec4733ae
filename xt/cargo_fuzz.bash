#!/usr/bin/env bash
# xt/cargo_fuzz.bash [SECONDS [TARGET...]]: cargo-fuzz for so long (60 s) on each target of fuzz/, and on each kind of the target `inputs`.
# A TARGET is one of fuzz/targets, or `inputs/KIND`. It needs a nightly Rust, cargo-fuzz and perl's headers: fuzz/README.md.
#
# New inputs are kept in fuzz/target/found/TARGET, which the next run begins with, too. Nothing is added to fuzz/corpus.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
unset CARGO_TARGET_DIR

seconds=${1:-60}
shift || true
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    for target in decode encode replay requests; do targets+=("$target"); done
    for kind in fuzz/corpus/inputs/*; do targets+=("inputs/${kind##*/}"); done
fi

if ! cargo +nightly fuzz --version >/dev/null 2>&1; then
    echo "cargo_fuzz: SKIPPED: no nightly Rust (rustup toolchain install nightly), or no cargo-fuzz (cargo install cargo-fuzz)"
    exit 0
fi
cargo +nightly fuzz build

for target in "${targets[@]}"; do
    found=fuzz/target/found/$target
    mkdir -p "$found" fuzz/artifacts
    options=(-max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 -verbosity=0)
    # What an embedded perl keeps until its end is no leak, and to look for leaks behind each input of `requests` takes most of the time.
    case $target in replay | requests) options+=(-detect_leaks=0) ;; esac
    echo "== $target, $seconds seconds"
    FUZZ_KIND=${target#*/} cargo +nightly fuzz run "${target%%/*}" "$found" "fuzz/corpus/$target" -- "${options[@]}" 2>&1 |
        grep -Ev '^ +(Finished|Running|Compiling)|^Mesos: '
done
