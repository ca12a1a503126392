#!/usr/bin/env bash
# Builds what a release would publish, and installs it as users do:
#   - the sdist, the wheel with the compiled kernel, and the wheel for every platform that comes out where no compiler is;
#   - each twice, from two folders: the bytes must be equal;
#   - every wheel into an environment of its own for each Python from 3.11 on that is here, without this checkout; a sample must be told right;
#   - one file that runs with nothing but Python (pex), and what a Python that is too old says.
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

for python in python3.11 python3.12 python3.13 python3.14; do
  if ! "$python" -c "import venv, ensurepip" 2>/dev/null; then
    echo "not here: $python"
    continue
  fi
  installed "$python" "$WORK"/a/*.whl compiled
  installed "$python" "$WORK"/pure/*.whl interpreted
done

"$PYTHON" -m venv "$WORK/pex"
if "$WORK/pex/bin/python" -m pip install --quiet pex; then
  "$WORK/pex/bin/pex" "$(echo "$WORK"/pure/*.whl)" --console-script analyze --venv prepend --output-file "$OUT/analyze.pex" --python "$(command -v python3)"
  (cd "$WORK" && env -i HOME="$WORK" PATH=/usr/bin:/bin "$(command -v python3)" "$OUT/analyze.pex" "$ROOT/samples/self-call-after" -f summary -o - | head -1)
else
  echo "could not install: pex"
fi
