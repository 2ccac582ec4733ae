#!/usr/bin/env bash
# xt/oldest_rust.bash [ARGUMENT...]: compiles the module with the oldest Rust that can be had, so that what Cargo.toml promises holds.
#
# That is the promised version itself if rustup has it: rustup toolchain install VERSION --profile minimal. Otherwise it is the oldest of
# Debian's packages that is new enough, if it is older than the Rust in use. They are unpacked into the target folder, and not installed.
# ARGUMENTs are cargo's: without them, `check --locked`, which finds what does not compile in a minute.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=script/toolchain.bash
. script/toolchain.bash

# script/test looks for lines that begin so.
skip() { echo "SKIP oldest_rust: $*"; exit 0; }

wanted=$(rust_wanted)
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")/xt-oldest
[ $# -gt 0 ] || set -- check --locked

# compiles CARGO RUSTC ARGUMENT...
compiles() {
    local cargo=$1 rustc=$2
    shift 2
    RUSTC=$rustc CARGO_TARGET_DIR=$target "$cargo" "$@"
    echo "oldest_rust: compiles with $("$rustc" --version)"
}

# Not by `cargo +VERSION`: other clients of Rust than rustup's take that for a command.
if command -v rustup >/dev/null && rustup run "$wanted.0" rustc --version >/dev/null 2>&1; then
    compiles "$(rustup which --toolchain "$wanted.0" cargo)" "$(rustup which --toolchain "$wanted.0" rustc)" "$@"
    exit 0
fi

# NAME VERSION of Debian's packages of rustc that are new enough, the oldest first. Some Debians have two versions of one package.
candidates() {
    local package version
    apt-cache madison rustc rustc-web 2>/dev/null | tr -d ' ' | while IFS='|' read -r package version _; do
        ! at_least "$wanted" "${version%%[+~-]*}" || echo "$package $version"
    done | sort -u | sort -V -k 2,2
}

command -v apt-get >/dev/null || skip "there is neither Rust $wanted.0 of rustup nor Debian's apt-get"
mapfile -t found < <(candidates)
if [ ${#found[@]} -eq 0 ] && [ "$(id -u)" -eq 0 ]; then
    apt-get update -qq
    mapfile -t found < <(candidates)
fi
[ ${#found[@]} -gt 0 ] || skip "Debian has no Rust $wanted or newer here"
read -r package version <<<"${found[0]}"
use_rust || skip "no Rust at all"
in_use=$(rustc --version | cut -d' ' -f2)
if at_least "$in_use" "${version%%[+~-]*}"; then
    echo "oldest_rust: Debian's oldest is $version, so the Rust in use, $in_use, is the oldest that can be had"
    exit 0
fi

# What apt would install, with what it needs and this system has not, is unpacked into a folder.
folder=$target/debian-$version
if [ ! -e "$folder/complete" ]; then
    suffix=${package#rustc}
    rm -rf "$folder"
    mkdir -p "$folder/packages"
    names=("rustc$suffix=$version" "cargo$suffix=$version" "libstd-rust$suffix-dev=$version")
    # Without rights, apt can still say what it would do.
    apt-get install --simulate --allow-downgrades --no-install-recommends "${names[@]}" |
        sed -n 's/^Inst \([^ ]*\) \(\[[^]]*\] \)\?(\([^ ]*\) .*/\1=\3/p' >"$folder/list"
    # Those that are installed are unpacked as well: only what is missing is in the list.
    mapfile -t names < <(printf '%s\n' "${names[@]}" | cat - "$folder/list" | sort -u)
    (cd "$folder/packages" && apt-get download -qq -o APT::Sandbox::User=root "${names[@]}")
    for package in "$folder"/packages/*.deb; do dpkg-deb -x "$package" "$folder/root"; done
    rm -r "$folder/packages"
    libraries=$(find "$folder/root" -name '*.so*' -printf '%h\n' | sort -u | tr '\n' ':')
    for program in rustc cargo; do
        printf '#!/bin/sh\nLD_LIBRARY_PATH=%q exec %q "$@"\n' "${libraries%:}" "$folder/root/usr/bin/$program" >"$folder/$program"
        chmod +x "$folder/$program"
    done
    touch "$folder/complete"
fi
compiles "$folder/cargo" "$folder/rustc" "$@"
