# Sourced by the other scripts: puts a Rust toolchain that is new enough first in PATH.
# shellcheck shell=bash

# The crate's minimum, e.g. 1.75.
rust_wanted() { sed -n 's/^rust-version *= *"\([0-9.]*\)".*/\1/p' Cargo.toml; }

# at_least WANTED HAVE: compares dotted versions.
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# The version of the rustc that a cargo in this folder would use; nothing when there is none that works.
rust_version_in() {
    [ -x "$1/cargo" ] && [ -x "$1/rustc" ] || return 0
    PATH="$1:$PATH" "$1/rustc" --version 2>/dev/null | sed -n 's/^rustc \([0-9.]*\).*/\1/p' || true
}

# PATH first, then where rustup installs, for shells that have not read its `env` file. Answers 1 when none will do.
use_rust() {
    local folder have wanted
    wanted=$(rust_wanted)
    while read -r folder; do
        have=$(rust_version_in "$folder")
        if [ -n "$have" ] && at_least "$wanted" "$have"; then
            export PATH="$folder:$PATH"
            return 0
        fi
    done < <(printf '%s\n' "$PATH" | tr : '\n'; printf '%s\n' "${CARGO_HOME:-${HOME:-/root}/.cargo}/bin")
    return 1
}
