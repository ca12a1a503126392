#!/usr/bin/env bash
# Builds the kernels with AddressSanitizer and UndefinedBehaviorSanitizer, beside the checkout's own, and drives them over generated, cut,
# changed and random captures, and changed and cut rows of socket tables. Skips with the reason where that is impossible; fails when a sanitizer speaks.
#
#     tests/parsers/capture/sanitize.sh [ROUNDS]     PYTHON=… names the interpreter; it needs Cython, setuptools and the tests' packages
set -euo pipefail

rounds=${1:-400}
python=${PYTHON:-python3}
root=$(cd "$(dirname "$0")/../../.." && pwd)

skip() {
  echo "sanitizer run skipped: $1"
  exit 0
}

command -v gcc >/dev/null 2>&1 || skip "no gcc"
"$python" -c 'import Cython, setuptools' 2>/dev/null || skip "no Cython for $python"
asan=$(gcc -print-file-name=libasan.so)
ubsan=$(gcc -print-file-name=libubsan.so)
if [ ! -e "$asan" ] || [ ! -e "$ubsan" ]; then skip "gcc has no sanitizer libraries"; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/tests/parsers"
cp -r "$root/parsers" "$root/setup.py" "$work/"
cp "$root/tests/__init__.py" "$work/tests/"
cp "$root/tests/parsers/__init__.py" "$root/tests/parsers/usual.py" "$work/tests/parsers/"
cp -r "$root/tests/parsers/capture" "$work/tests/parsers/"
find "$work" -name '*.so' -delete
cd "$work"

flags="-g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
if ! CFLAGS=$flags LDFLAGS=$flags "$python" setup.py build_ext --inplace >build.log 2>&1 || ! ls parsers/capture/kernel/compiled*.so parsers/sockets/kernel/compiled*.so >/dev/null 2>&1; then
  tail -20 build.log
  echo "sanitizer run failed: the kernel was not built"
  exit 1
fi

# Python itself leaks at exit on purpose; what the kernel leaks is tested by its use of memory.
export ASAN_OPTIONS=detect_leaks=0:halt_on_error=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
# Every object has its own allocation, so that a read past its end is seen.
export PYTHONMALLOC=malloc
LD_PRELOAD="$asan $ubsan" "$python" -m tests.parsers.usual "$((rounds * 50))"
LD_PRELOAD="$asan $ubsan" "$python" -m tests.parsers.capture.drive "$rounds"
