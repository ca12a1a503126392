#!/usr/bin/env bash
# The compiled wheel for Linux of any distribution (manylinux_2_17), for x86_64 and aarch64, without docker: the C compiler is zig, which a package
# brings with the headers of old C libraries. One wheel serves every Python from 3.11 on: it keeps to the stable interface. The wheel of this
# machine's processor is built twice, from two folders, and the bytes must be equal; auditwheel checks what it asks of a system; it is installed into
# an empty environment, and a sample must be told right. The other one is built in the same way, and tried under an emulator where release/pythons.sh can
# unpack a Python of that processor.
#
#   release/manylinux.sh [FOLDER]      FOLDER gets the wheels; dist without it
#
# Needs python3 (3.11+) with its headers, and a package index.
set -euo pipefail
cd "$(dirname "$0")/.."
ROOT=$PWD
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
OUT=${1:-dist}
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || echo 1700000000)
export SOURCE_DATE_EPOCH PIP_DISABLE_PIP_VERSION_CHECK=1

python3 -m venv "$WORK/env"
"$WORK/env/bin/python" -m pip install --quiet --require-hashes -r release/manylinux-requirements.txt
export PATH="$WORK/env/bin:$PATH"

# Debian's pyconfig.h only names the one of the processor, in a folder of the system's headers that zig leaves aside. Both processors have the same sizes.
version=$(python -c "import sys; print('python%d.%d' % sys.version_info[:2])")
named=/usr/include/$(python -c "import sysconfig; print(sysconfig.get_config_var('MULTIARCH'))")/$version/pyconfig.h
for processor in x86_64 aarch64; do
  mkdir -p "$WORK/include/$processor-linux-gnu/$version"
  [ ! -f "$named" ] || cp "$named" "$WORK/include/$processor-linux-gnu/$version/"
done

# wheel PROCESSOR FOLDER: a wheel of a fresh checkout in that folder; its path is printed.
wheel() {
  local processor=$1 folder=$2
  mkdir -p "$folder/tree"
  git ls-files -z | xargs -0 cp --parents -t "$folder/tree"
  printf '#!/bin/sh\nexec "%s" -m ziglang cc -target %s-linux-gnu.2.17 -I"%s" "$@"\n' "$WORK/env/bin/python" "$processor" "$WORK/include" >"$folder/cc"
  chmod +x "$folder/cc"
  (cd "$folder/tree" && env CC="$folder/cc" LDSHARED="$folder/cc -shared" _PYTHON_HOST_PLATFORM="manylinux_2_17-$processor" \
    python -c "from setuptools import build_meta; build_meta.build_wheel('$folder/built')") >"$folder/log" 2>&1 || { tail -20 "$folder/log" >&2; return 1; }
  ls "$folder"/built/*-abi3-*.whl >/dev/null 2>&1 || { grep "error:" "$folder/log" >&2; echo "nothing was compiled" >&2; return 1; }
  ls "$folder"/built/*.whl
}

here=$(uname -m)
first=$(wheel "$here" "$WORK/first")
second=$(wheel "$here" "$WORK/second")
cmp "$first" "$second"
echo "two builds are equal, byte by byte: $(basename "$first")"
python -m auditwheel show "$first" | tr '\n' ' ' | grep -q "manylinux_2_17_$here\"" || { python -m auditwheel show "$first"; exit 1; }
echo "asks for no more than a C library of 2.17: $(basename "$first")"
python3 -m venv "$WORK/try"
"$WORK/try/bin/python" -m pip install --quiet "$first"
(cd "$WORK" && "$WORK/try/bin/analyze" "$ROOT/samples/self-call-after" -f json -o - | "$WORK/try/bin/python" -c "
import json, sys
assert json.load(sys.stdin)['findings'][0]['rule'] == 'self-call-starvation'")
"$WORK/try/bin/analyze" --version | grep -q compiled
echo "installed and right: $(basename "$first")"
cp "$first" "$OUT"

other=$([ "$here" = x86_64 ] && echo aarch64 || echo x86_64)
built=$(wheel "$other" "$WORK/other")
cp "$built" "$OUT"
roots=$(release/pythons.sh unpacked "$other")
[ -n "$roots" ] || echo "built, and not tried here: $(basename "$built")"
while read -r _ root <&3; do
  [ -z "$root" ] || release/pythons.sh try "$root" "$built" compiled
done 3<<<"$roots"
