#!/usr/bin/env bash
# xt/asan.bash [TEST...]: the tests of t in AddressSanitizer, with a debugging Perl, all of which sees its memory.
#
# The Perl is made of Debian's source, once, which takes ten minutes or more, and kept in target/asan-perl. What is not as in Debian's own:
#   -fsanitize=address   each access to memory is checked, in Perl, in its own modules and in ours
#   -DDEBUGGING          assertions of Perl, also in macros that our C uses
#   -DPURIFY             bodies of values come from malloc, one by one, so that the sanitizer knows them
#   -DPERL_POISON        what is freed within Perl is overwritten
#   -DSTRESS_REALLOC     Perl's stacks move whenever they grow, so that a pointer kept too long is seen
#   xt/asan/heads.patch  the heads of values, which Perl never gives back to malloc, are closed to access when freed, and are used again late
# The core in Rust is not instrumented, but its memory comes from the same malloc: C that reads what Rust has freed is seen.
#
# MESOS_TEST_ROUNDS (10000) is how long t/borrowed_random.t goes on, and MESOS_TEST_SEED where it begins.
# It needs Debian's packages dpkg-dev and gcc, and apt with a network. It is skipped, with a word, where something is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

skip() { echo "asan: SKIPPED: $*"; exit 0; }
for program in apt-get dpkg-source gcc patch make; do
    command -v "$program" >/dev/null || skip "there is no $program"
done
cargo=$(command -v "${CARGO:-cargo}") || skip 'there is no cargo'

mkdir -p "${CARGO_TARGET_DIR:-target}"
target=$(cd "${CARGO_TARGET_DIR:-target}" && pwd)
prefix=$target/asan-perl
perl=$prefix/bin/perl
checkout=$PWD
# Perl frees little when it ends, and the small one that builds it frees nothing.
export ASAN_OPTIONS=detect_leaks=0

settings=(
    -Dusethreads -DDEBUGGING -Dcc=gcc '-Doptimize=-O1 -g'
    '-Accflags=-fsanitize=address -fno-omit-frame-pointer -DPURIFY -DPERL_POISON -DSTRESS_REALLOC'
    -Aldflags=-fsanitize=address '-Alddlflags=-shared -fsanitize=address'
    '-Dnoextensions=DB_File GDBM_File NDBM_File ODBM_File XS/APItest XS/Typemap' -Dman1dir=none -Dman3dir=none
)

# source_of PACKAGE: unpacks it into $sources/PACKAGE. With an apt of its own: that of the system may have no deb-src, and is not ours to change.
source_of() {
    local apt=$sources/apt release
    if [ ! -e "$apt/apt.conf" ]; then
        mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
        # shellcheck disable=SC1091
        release=$(. /etc/os-release && echo "$VERSION_CODENAME")
        echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${DEBIAN_MIRROR:-http://deb.debian.org/debian} $release main" \
            >"$apt/sources.list"
        cat >"$apt/apt.conf" <<END
Dir::Etc::SourceList "$apt/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State::Lists "$apt/lists";
Dir::Cache "$apt/cache";
APT::Sandbox::User "";
END
        APT_CONFIG=$apt/apt.conf apt-get -qq update || return 1
    fi
    mkdir "$sources/$1.d"
    ( cd "$sources/$1.d" && APT_CONFIG=$apt/apt.conf apt-get -qq source --download-only "$1" ) || return 1
    dpkg-source -x "$sources/$1.d"/*.dsc "$sources/$1"
}

make_perl() {
    cd "$sources/perl"
    patch -p1 <"$checkout/xt/asan/heads.patch"
    sh Configure -des "-Dprefix=$prefix" "${settings[@]}"
    make "-j$(nproc)"
    make install.perl
    mkdir "$prefix/pure"
    # Debian has these where modules with C are. They have none, or do without.
    local arch
    arch=$(/usr/bin/perl -MConfig -e 'print $Config{vendorarch}')
    ln -s "$arch/AE.pm" "$arch/AnyEvent.pm" "$arch/AnyEvent" "$arch/common" "$prefix/pure/"
}

# What has C of its own and is needed, or used by tests that are worth it.
make_modules() {
    local name
    for name in sub-identify test-leaktrace canary-stability async-interrupt; do
        source_of "lib$name-perl"
        cd "$sources/lib$name-perl"
        "$perl" Makefile.PL </dev/null
        make install
    done
}

# Debian's modules, as far as they are Perl alone.
export PERL5LIB=$prefix/pure:/usr/share/perl5 PERL_MM_USE_DEFAULT=1

# Whatever it is made of is written down beside it.
made_of=$(printf '%s\n' "${settings[@]}" "$(declare -f make_perl make_modules)" | cat - xt/asan/heads.patch | cksum)
if [ "$(cat "$prefix/made-of" 2>/dev/null)" != "$made_of" ]; then
    sources=$target/asan-sources
    log=$target/asan-sources/log
    rm -rf "$sources" "$prefix"
    mkdir -p "$sources"
    echo "asan: makes a Perl, see $log"
    source_of perl >"$log" 2>&1 || skip "apt has no source of perl: $(tail -n 1 "$log")"
    ( set -e; make_perl; make_modules ) >>"$log" 2>&1 &
    wait $! || { tail -n 20 "$log"; echo 'asan: Perl was not made'; exit 1; }
    echo "$made_of" >"$prefix/made-of"
    rm -rf "$sources"
fi

# The module, in a tree of its own, so that blib stays what it is. Cargo still builds the checkout, which is the same and known to it.
tree=$target/asan-tree
rm -rf "$tree"
mkdir -p "$tree" "$target/asan-cargo"
git ls-files -z --cached --others --exclude-standard | tar cf - --null --files-from=- | tar xf - -C "$tree"
printf '#!/bin/sh\ncd "%s" && exec "%s" "$@"\n' "$checkout" "$cargo" >"$target/asan-cargo/cargo"
chmod +x "$target/asan-cargo/cargo"
export CARGO=$target/asan-cargo/cargo CARGO_TARGET_DIR=$target
cd "$tree"
log=$target/asan-build.log
if ! { "$perl" Build.PL --debug --no-libmesos && ./Build; } >"$log" 2>&1; then
    tail -n 20 "$log"
    echo 'asan: the module was not built'
    exit 1
fi

# run NAME TEST: one line about one test. A report of a process that the test has started counts, too.
failed=0
logs=$target/asan-logs
rm -rf "$logs"
mkdir -p "$logs"
run() {
    local name=$1 test=$2 status=0 begun=$SECONDS said
    {
        ASAN_OPTIONS=$options:log_path=$logs/$name.report timeout 3600 "$perl" "$test" >"$logs/$name.log" 2>&1 </dev/null || status=$?
    } 2>/dev/null
    if [ "$status" -ne 0 ] || compgen -G "$logs/$name.report.*" >/dev/null; then
        said="FAILED  $test (status $status)"
        failed=1
        grep -hE 'Assertion|^not ok|^ *#   (Failed|at)' "$logs/$name.log" | head -n 10 || true
        grep -hE -m 30 'ERROR: |^SUMMARY|^ +#[0-9]' "$logs/$name".report.* 2>/dev/null | head -n 30 || true
    elif grep -qE '^1\.\.0 # SKIP' "$logs/$name.log"; then
        said="skipped $test: $(sed -n 's/^1\.\.0 # SKIP //p' "$logs/$name.log")"
    else
        said="ok      $test: $(grep -cE '^ok ' "$logs/$name.log") subtests"
    fi
    echo "$said, $((SECONDS - begun)) s"
}

export PATH=$prefix/bin:$PATH PERL5LIB=$tree/blib/lib:$tree/blib/arch:$PERL5LIB
# Tests that look how much memory there is would see what the sanitizer keeps from being used again.
common=detect_stack_use_after_return=1:allocator_may_return_null=1:quarantine_size_mb=64
options=$common:detect_leaks=0
# The random calls first: they do most. What is Perl alone (t/client.t and the like) has nothing to show, and the millions of elements of
# t/message_limits.t would take very long, because each moves the whole array.
if [ $# -eq 0 ]; then
    set -- t/borrowed_random.t
    for test in t/*.t; do
        case $test in
            t/borrowed_random.t | t/message_limits.t | t/client* | t/command*) ;;
            *) set -- "$@" "$test" ;;
        esac
    done
fi
for test in "$@"; do
    name=$(basename "$test" .t)
    if [ "$name" = borrowed_random ]; then
        MESOS_TEST_ROUNDS=${MESOS_TEST_ROUNDS:-10000} run "$name" "$test"
        # Again, with a Perl that frees all that it knows at its end: what is left then, nobody has.
        options=$common:detect_leaks=1 PERL_DESTRUCT_LEVEL=2 run "$name.leaks" "$test"
    else
        run "$name" "$test"
    fi
done
[ "$failed" -eq 0 ] || { echo "asan: FAILED, see $logs"; exit 1; }
echo 'asan: done'
