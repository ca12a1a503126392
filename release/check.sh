#!/usr/bin/env bash
# Builds what a release would publish, and installs it as users do:
#   - the sdist, the wheel with the compiled kernel, and the wheel for every platform that comes out where no compiler is;
#   - each twice, from two folders: the bytes must be equal;
#   - one file that runs with nothing but Python (pex), from 3.11 to 3.14, on both processors;
#   - each of them with every Python from 3.11 on that is here, without this checkout, and with the newer ones that release/pythons.sh can unpack:
#     wheels into an environment of their own; a sample must be told right.
#
#   release/check.sh [FOLDER]      FOLDER gets the files; a temporary one without it
#
# Needs the development environment (make) and a package index for the dependencies.
set -euo pipefail
cd "$(dirname "$0")/.."
ROOT=$PWD
PYTHON=$ROOT/.venv/bin/python
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
OUT=${1:-$WORK/dist}
mkdir -p "$OUT"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || echo 1700000000)
export SOURCE_DATE_EPOCH PIP_DISABLE_PIP_VERSION_CHECK=1

# The files of a fresh checkout, where a build leaves nothing in this one.
checkout() { mkdir "$1" && git ls-files -z | xargs -0 cp --parents -t "$1"; }

# build FOLDER WHERE [VARIABLE=VALUE…]: wheel and sdist of a checkout.
build() {
  local folder=$1 where=$2
  shift 2
  mkdir -p "$where"
  (cd "$folder" && env "$@" "$PYTHON" -c "
from setuptools import build_meta
build_meta.build_sdist('$where')
print(build_meta.build_wheel('$where'))" >"$WORK/build.log" 2>&1) || { tail -20 "$WORK/build.log"; exit 1; }
}

checkout "$WORK/first"
checkout "$WORK/second"
build "$WORK/first" "$WORK/a"
build "$WORK/second" "$WORK/b"
diff -r "$WORK/a" "$WORK/b"
echo "two builds are equal, byte by byte: $(cd "$WORK/a" && echo *)"

checkout "$WORK/third"
build "$WORK/third" "$WORK/pure" CC=/nonexistent/cc
rm "$WORK"/pure/*.tar.gz
(cd "$WORK/pure" && ls ./*-py3-none-any.whl)
cp "$WORK"/a/* "$WORK"/pure/* "$OUT"

# installed PYTHON WHEEL KERNEL: a clean environment tells a sample's cause, and says which kernel it has.
installed() {
  local home=$WORK/env verdict
  rm -rf "$home"
  "$1" -m venv "$home"
  "$home/bin/python" -m pip install --quiet "$2"
  verdict=$(cd "$WORK" && "$home/bin/analyze" "$ROOT/samples/self-call-after" -f json -o - | "$home/bin/python" -c "import json, sys; print(json.load(sys.stdin)['findings'][0]['rule'])")
  [ "$verdict" = self-call-starvation ]
  "$home/bin/analyze" --version | grep -q "$3" || { "$home/bin/analyze" --version; exit 1; }
  [ -f "$home/share/man/man1/analyze.1" ]
  [ -f "$("$home/bin/python" -c "from importlib.metadata import files; print(next(file.locate() for file in files('closewait') if file.name == 'closewait.cdx.json'))")" ]
  echo "installed and right: $("$1" --version), $(basename "$2")"
}

# The locked versions of what it needs, for each Python and processor: a part of them is compiled for one version of Python alone.
sed -n 's/^\([a-z0-9-]*==[^ ;]*\).*/\1/p' requirements.lock >"$WORK/locked.txt"
platforms=()
for version in 11 12 13 14; do
  for processor in x86_64 aarch64; do platforms+=(--platform "manylinux2014_$processor-cp-3.$version.0-cp3$version"); done
done
"$PYTHON" -m venv "$WORK/pex"
if "$WORK/pex/bin/python" -m pip install --quiet pex; then
  PEX=$OUT/analyze.pex
  "$WORK/pex/bin/pex" "$(echo "$WORK"/pure/*.whl)" --constraints "$WORK/locked.txt" --no-build "${platforms[@]}" --python-shebang "/usr/bin/env python3" \
    --console-script analyze --venv prepend --output-file "$PEX"
else
  PEX=
  echo "could not install: pex"
fi

# alone PYTHON: the one file with that Python and no other in sight.
alone() {
  [ "$(cd "$WORK" && env -i HOME="$WORK" PATH=/usr/bin:/bin PEX_PYTHON_PATH="$1" "$1" "$PEX" "$ROOT/samples/self-call-after" -f json -o - | "$PYTHON" -c "import json, sys; print(json.load(sys.stdin)['findings'][0]['rule'])")" = self-call-starvation ]
  echo "runs alone and right: $("$1" --version), $(basename "$PEX")"
}

tried=
while read -r version python <&3; do
  installed "$python" "$WORK"/a/*.whl compiled
  installed "$python" "$WORK"/pure/*.whl interpreted
  [ -z "$PEX" ] || alone "$python"
  tried+=" $version "
done 3< <(release/pythons.sh here)
while read -r version root <&3; do
  [[ $tried != *" $version "* ]] || continue
  release/pythons.sh try "$root" "$WORK"/a/*.whl compiled
  release/pythons.sh try "$root" "$WORK"/pure/*.whl interpreted
  [ -z "$PEX" ] || release/pythons.sh try "$root" "$PEX"
  tried+=" $version "
done 3< <(release/pythons.sh unpacked "$(uname -m)")
echo "tried with Python$(echo "$tried" | tr -s ' ' | sed 's/ $//; s/ \([^ ]*\)/ \1,/g; s/,$//')"
