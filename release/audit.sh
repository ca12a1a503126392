#!/usr/bin/env bash
# Asks the package index that pip uses about everything that requirements.lock pins: is each file still there with the same hash, and was any
# version withdrawn? Where the index answers questions about known weaknesses, pip-audit asks those, too.
set -euo pipefail
cd "$(dirname "$0")/.."
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1

.venv/bin/python -m pip install --dry-run --ignore-installed --no-deps --require-hashes -r requirements.lock >"$WORK/out" 2>"$WORK/err" || {
  cat "$WORK/err"
  echo "the lock cannot be installed from this index as it stands"
  exit 1
}
if grep -i 'yanked' "$WORK/err"; then
  echo "withdrawn by its authors: take another version (make lock)"
  exit 1
fi
echo "all $(grep -c '==' requirements.lock) locked packages are there, none was withdrawn"

python3 -m venv "$WORK/audit"
if ! "$WORK/audit/bin/python" -m pip install --quiet pip-audit 2>/dev/null; then
  echo "could not install: pip-audit"
elif timeout 300 "$WORK/audit/bin/pip-audit" --requirement requirements.lock --disable-pip --no-deps --progress-spinner off >"$WORK/audit.txt" 2>&1; then
  echo "no known weakness; $(grep -c 'could not be audited' "$WORK/audit.txt" || true) packages could not be asked about"
elif grep -q '^Name ' "$WORK/audit.txt" && grep -qE '(PYSEC|GHSA|CVE)-' "$WORK/audit.txt"; then
  cat "$WORK/audit.txt"
  exit 1
else
  echo "this index does not tell known weaknesses; the release workflow asks again"
fi
