#!/usr/bin/env bash
# xt/cgroups.bash [--kernel FILE] [PROGRAM]: tries --isolation=cgroups/... of mesos-local in a virtual machine.
#
# PROGRAM is a mesos-local of cargo's; without it, target/debug/mesos-local is built. Needs qemu-system-x86_64, busybox (linked statically:
# busybox-static), cpio, setpriv, and a Linux 5.19 or newer. Without --kernel, Debian's for clouds is downloaded with apt-get and unpacked,
# not installed. Nothing on this machine is changed, and no root is needed. What is tried is in xt/cgroups.pl.
#
# It is skipped, with a word, where something is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

kernel=
if [ "${1:-}" = --kernel ]; then
    kernel=${2:?a file}
    shift 2
fi
program=${1:-}

skip() { echo "cgroups: SKIPPED: $*"; exit 0; }
for needed in qemu-system-x86_64 busybox cpio setpriv; do
    command -v "$needed" >/dev/null || skip "$needed is missing"
done
ldd "$(command -v busybox)" >/dev/null 2>&1 && skip "busybox is not linked statically (Debian's busybox-static is)"

base=$(mktemp -d "${TMPDIR:-/tmp}/mesos-cgroups.XXXXXX")
trap 'rm -rf "${base:?}"' EXIT

if [ -z "$kernel" ]; then
    command -v apt-get >/dev/null || skip 'there is no apt-get to download a kernel with: say --kernel FILE'
    image=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/.*Depends: \(linux-image-[^ ]*\)$/\1/p' | head -n 1)
    [ -n "$image" ] || skip 'apt knows no linux-image-cloud-amd64: say --kernel FILE'
    (cd "$base" && apt-get download "$image" >/dev/null 2>&1) || skip "$image cannot be downloaded: say --kernel FILE"
    dpkg-deb -x "$base"/linux-image-*.deb "$base/image"
    kernel=$(echo "$base"/image/boot/vmlinuz-*)
fi
if [ -z "$program" ]; then
    # shellcheck source=script/toolchain.bash
    . script/toolchain.bash
    use_rust || skip "there is no Rust $(rust_wanted)"
    cargo build --locked --bin mesos-local
    program=${CARGO_TARGET_DIR:-target}/debug/mesos-local
fi

# take FILE [AS]: a file, and the libraries that it is linked with.
take() {
    local to=$base/root${2:-$1} library
    mkdir -p "$(dirname "$to")"
    [ -e "$to" ] || cp -L "$1" "$to"
    { ldd "$1" 2>/dev/null || true; } | sed -n 's/^[^\/]*\(\/[^ ]*\) (0x.*/\1/p' | while read -r library; do
        mkdir -p "$base/root$(dirname "$library")"
        [ -e "$base/root$library" ] || cp -L "$library" "$base/root$library"
    done
}

mkdir -p "$base/root"/{bin,dev,etc,proc,sys,tmp,usr/bin}
take "$(command -v busybox)" /bin/busybox
for applet in sh cat echo env grep ifconfig mkdir mount sleep chown reboot true; do
    ln -s busybox "$base/root/bin/$applet"
done
take "$program" /bin/mesos-local
take "$(command -v setpriv)" /bin/setpriv
take "$(command -v perl)" /usr/bin/perl
while read -r file; do take "$file"; done < <(
    perl -MHTTP::Tiny -MJSON::PP -MIO::Socket::IP -MTest::More -MPOSIX -MTime::HiRes -MDynaLoader -MFile::Glob -e '
        ok 1; is 1, 1; like 1, qr/1/; cmp_ok 1, "<", 2; is_deeply [1], [1]; done_testing;
        print STDERR map {"$_\n"} grep { -f } values %INC, @DynaLoader::dl_shared_objects' 2>&1 >/dev/null
)
cp xt/cgroups.pl "$base/root/cgroups.pl"
printf 'root:x:0:0::/:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\nnobody:x:65534:65534::/tmp:/bin/sh\n' > "$base/root/etc/passwd"
printf 'root:x:0:\nuser:x:1000:\nnobody:x:65534:\n' > "$base/root/etc/group"
cat > "$base/root/init" <<'INIT'
#!/bin/sh
export PATH=/bin:/usr/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ifconfig lo 127.0.0.1
perl /cgroups.pl && echo 'cgroups: all is well'
reboot -f
INIT
chmod 755 "$base/root/init"
(cd "$base/root" && find . | cpio --quiet -o -H newc -R 0:0 | gzip -1 > "$base/initramfs")

# Emulated, since a /dev/kvm within a virtual machine may be there and not work.
timeout --foreground 900 qemu-system-x86_64 -accel tcg -m 1024 -smp 1 -no-reboot -nographic -nic none \
    -kernel "$kernel" -initrd "$base/initramfs" -append 'console=ttyS0 panic=-1 quiet rdinit=/init' < /dev/null | tee "$base/said"
grep -q '^cgroups: all is well' "$base/said" || { echo 'cgroups: something is not as it should be' >&2; exit 1; }
