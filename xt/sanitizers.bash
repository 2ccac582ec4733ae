#!/usr/bin/env bash
# xt/sanitizers.bash: what ThreadSanitizer finds in channel, gate, mailbox and notifiers, and in a driver with its thread on a scripted master.
#
# It needs a nightly Rust with rust-src: rustup toolchain install nightly --component rust-src. With rust-src the standard library is
# instrumented, too. Without, ThreadSanitizer would not see how std's locks and threads order things, and report races that are none; newer
# versions of Rust refuse to be built so.
#
# It is skipped, with a word, where something is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

skip() { echo "sanitizers: SKIPPED: $*"; exit 0; }
cargo +nightly --version >/dev/null 2>&1 || skip 'there is no nightly Rust'
[ -d "$(rustc +nightly --print sysroot)/lib/rustlib/src/rust/library" ] || skip 'the nightly Rust has no rust-src'

# Incremental builds of another instrumentation would be gigabytes.
export CARGO_INCREMENTAL=0
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/xt-thread
export RUSTFLAGS='-Zsanitizer=thread -Cdebuginfo=1'
export TSAN_OPTIONS='halt_on_error=0 exitcode=66 second_deadlock_stack=1'
checked() { cargo +nightly test -Zbuild-std --locked --target x86_64-unknown-linux-gnu "$@"; }

checked --lib -- channel:: driver::gate:: native::io:: notify::
checked --test native_scheduler --test native_lent_stream
echo 'sanitizers: done'
