#!/usr/bin/env bash
# build.sh FOLDER SHAPE [HALF...]: builds the stand-in in the shape of Mesos 0.28, 1.9 or 1.11 as FOLDER/include and
# FOLDER/lib/libmesos.so, with the driver classes of both halves or only of those named (scheduler, executor).
# Needs g++, and Debian's protobuf-compiler and libprotobuf-dev.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$1
shape=$2
shift 2
halves=("$@")
[ ${#halves[@]} -gt 0 ] || halves=(scheduler executor)
case $shape in
    0.28) version=0.28.1 number=28 ;;
    1.9) version=1.9.0 number=1009 ;;
    1.11) version=1.11.0 number=1011 ;;
    *) echo "build.sh: the shapes are 0.28, 1.9 and 1.11" >&2; exit 2 ;;
esac
proto=$here/../../proto
sources=("$here"/include/mesos/*.hpp "$here"/src/* "$here/build.sh" "$proto/mesos.proto" "$proto/scheduler.proto")
wanted="$version ${halves[*]}"
if [ -e "$folder/built" ] && [ "$(cat "$folder/built")" = "$wanted" ]; then
    newer=$(find "${sources[@]}" -newer "$folder/built")
    [ -n "$newer" ] || exit 0
fi
rm -rf "$folder"
mkdir -p "$folder/include/mesos/scheduler" "$folder/lib" "$folder/objects"
cp "$here"/include/mesos/*.hpp "$folder/include/mesos"
cat > "$folder/include/mesos/version.hpp" <<END
#pragma once
#define MESOS_VERSION "$version-standin"
#define STANDIN_SHAPE $number
END
cp "$proto/mesos.proto" "$folder/include/mesos"
sed 's,"mesos.proto","mesos/mesos.proto",' "$proto/scheduler.proto" > "$folder/include/mesos/scheduler/scheduler.proto"
files=(mesos/mesos.proto)
[ "$shape" != 1.11 ] || files+=(mesos/scheduler/scheduler.proto)
(cd "$folder/include" && protoc --cpp_out=. "${files[@]}")

# The includes as a system's: what protoc makes warns of what is deprecated in it.
compile() {
    g++ -std=c++17 -g -O1 -fPIC -Wall -Wextra -Wno-deprecated-declarations -isystem "$folder/include" -I"$here/src" \
        -c "$1" -o "$folder/objects/$2.o" "${@:3}"
}
objects=()
for file in "${files[@]}"; do
    name=$(basename "$file" .proto)
    compile "$folder/include/${file%.proto}.pb.cc" "$name" -O0 -g0 &
    objects+=("$folder/objects/$name.o")
done
compile "$here/src/wire.cc" wire
objects+=("$folder/objects/wire.o")
for half in "${halves[@]}"; do
    for source in "$here/src/$half"*.cc; do
        name=$(basename "$source" .cc)
        compile "$source" "$name"
        objects+=("$folder/objects/$name.o")
    done
done
wait
g++ -shared -Wl,-soname,libmesos.so -Wl,-z,defs -o "$folder/lib/libmesos.so" "${objects[@]}" -lprotobuf -lpthread
echo "$wanted" > "$folder/built"
