#!/usr/bin/env bash
# The compiled wheel for Linux of any distribution (manylinux_2_28): cibuildwheel builds it in its container and tries it there. Needs docker or
# podman.
#
#   release/manylinux.sh [FOLDER]      FOLDER gets the wheels; dist without it
set -euo pipefail
cd "$(dirname "$0")/.."
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
python3 -m venv "$WORK/env"
"$WORK/env/bin/python" -m pip install --quiet cibuildwheel
# One wheel serves every Python from 3.11 on: it keeps to the stable interface.
CIBW_BUILD="cp311-manylinux_x86_64 cp311-manylinux_aarch64" \
  CIBW_ARCHS="${CIBW_ARCHS:-auto}" \
  CIBW_TEST_COMMAND="analyze {project}/samples/self-call-after -f summary -o -" \
  "$WORK/env/bin/python" -m cibuildwheel --platform linux --output-dir "${1:-dist}" .
