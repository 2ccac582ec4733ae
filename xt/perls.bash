#!/usr/bin/env bash
# xt/perls.bash [--keep DIRECTORY] [SUITE ...]: builds this tree with the Perl of other Debian releases, and runs t/ there.
#
# Without arguments: bullseye (Perl 5.32) and trixie (5.40). Needs root, debootstrap, a Debian mirror, and a Rust toolchain of rustup's,
# which it copies: the releases' own may be too old. All of it goes below a temporary directory, which is removed at the end, or into
# DIRECTORY, where the next run finds it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. script/toolchain.bash
use_rust || { echo "perls: no Rust $(rust_wanted) here" >&2; exit 1; }

keep=
if [ "${1:-}" = --keep ]; then
    keep=${2:?a directory}
    shift 2
fi
[ $# -gt 0 ] || set -- bullseye trixie
[ "$(id -u)" -eq 0 ] || { echo "perls: needs root" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "perls: debootstrap is missing" >&2; exit 1; }

base=${keep:-$(mktemp -d "${TMPDIR:-/tmp}/mesos-perls.XXXXXX")}
mkdir -p "$base"
# Nothing is mounted in it any more: mounts are those of a namespace that has ended.
clean_up() { [ -n "$keep" ] || rm -rf --one-file-system "${base:?}"; }
trap clean_up EXIT

sysroot=$(rustc --print sysroot)
[ -x "$sysroot/bin/cargo" ] && [ "$sysroot" != /usr ] || { echo "perls: $sysroot is not a toolchain of rustup's" >&2; exit 1; }
registry=${CARGO_HOME:-$HOME/.cargo}/registry

# CARGO_PROFILE_RELEASE_OPT_LEVEL=1 and the like: a quicker build.
mapfile -t settings < <(env | grep '^CARGO_PROFILE_' || true)

# in_root ROOT COMMAND: a shell command in that release, with /proc, /dev and /sys of its own.
in_root() {
    # shellcheck disable=SC2016
    unshare --mount --pid --fork bash -c '
        set -e
        mount --make-rprivate /
        mount -t proc proc "$1/proc"
        mount --rbind /dev "$1/dev"
        mount -t tmpfs tmpfs "$1/dev/shm" 2>/dev/null || true
        exec chroot "$1" /usr/bin/env -i HOME=/root LANG=C.UTF-8 PATH=/opt/rust/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            DEBIAN_FRONTEND=noninteractive CARGO_TARGET_DIR=/target "${@:3}" bash -ec "$2"' in_root "$1" "$2" "${settings[@]}"
}

failed=0
summary=()
for suite in "$@"; do
    root=$base/$suite
    echo "== $suite"
    [ -e "$root/usr/bin/apt-get" ] || debootstrap --variant=minbase "$suite" "$root" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}"
    cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
    mkdir -p "$root/opt/rust" "$root/root/.cargo"
    [ -x "$root/opt/rust/bin/cargo" ] || tar cf - -C "$sysroot" --exclude=./share . | tar xf - -C "$root/opt/rust"
    [ ! -d "$registry" ] || [ -d "$root/root/.cargo/registry" ] || cp -a "$registry" "$root/root/.cargo/"
    rm -rf "$root/tree"
    mkdir "$root/tree"
    git ls-files -z --cached --others --exclude-standard | tar cf - --null --files-from=- | tar xf - -C "$root/tree"
    set +e
    ( set -e
      in_root "$root" 'apt-get update -qq; cd /tree; script/setup
          apt-get install -qq --no-install-recommends libtest-leaktrace-perl libgoogle-protocolbuffers-perl libjson-xs-perl libmoose-perl \
              libsereal-perl procps >/dev/null'
      in_root "$root" 'cd /tree; perl Build.PL --no-libmesos && ./Build && prove -b t/'
    ) 2>&1 | tee "$base/$suite.txt"
    status=${PIPESTATUS[0]}
    set -e
    version=$(in_root "$root" 'perl -e "print substr \$^V, 1"')
    if [ "$status" -eq 0 ]; then
        summary+=("ok      $suite, Perl $version: $(grep -aE '^Files=' "$base/$suite.txt" | tail -n 1)")
    else
        summary+=("FAILED  $suite, Perl $version")
        failed=1
    fi
done
printf '%s\n' "${summary[@]}"
exit "$failed"
