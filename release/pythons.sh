#!/usr/bin/env bash
# The Pythons that a release is tried on: those of this machine, and those that it has not, newer ones and one of another processor. The latter are
# unpacked from Debian's packages, some 20 MB each, into build/pythons, and run by chroot: nothing is installed, mounted or left outside that folder.
# The mirror and its keys are those of apt's own sources. Another processor's programs run under qemu-user-static.
#
#   release/pythons.sh here                       one line for each Python from 3.11 on that this machine has: VERSION PATH
#   release/pythons.sh unpacked PROCESSOR         makes what can be made for a processor (x86_64, aarch64); a line each: VERSION FOLDER
#   release/pythons.sh try FOLDER WHEEL KERNEL    installs a wheel there, in an environment of its own: a sample must be told right, by that kernel
#   release/pythons.sh try FOLDER FILE.pex        a file for Python alone tells the sample right there
#
# What cannot be had is said in one line, and is no error: unpacking needs root, apt and a mirror that has these suites.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=$PWD/.venv/bin/python
[ -x "$PYTHON" ] || PYTHON=python3
SAMPLE=self-call-after
RULE=self-call-starvation
export PIP_DISABLE_PIP_VERSION_CHECK=1

say() { echo "$*" >&2; }

# On the path, from pyenv, or among those that hosted runners keep. A name that pyenv only knows of other versions fails when it is called.
here() {
  local version python
  for version in 3.11 3.12 3.13 3.14 3.15; do
    for python in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/"python$version" /opt/hostedtoolcache/Python/"$version".*/x64/bin/"python$version"; do
      if "$python" -c "import ensurepip, sys, venv; print('$version', sys.executable)" 2>/dev/null; then
        break
      fi
    done
  done
}

# The address of the first of apt's sources that is Debian itself. The single quotes keep apt's own words.
# shellcheck disable=SC2016
mirror() { apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' | sed -n 's/^Debian|Debian|//p' | sort -u | head -1; }

# unpack SUITE ARCHITECTURE FOLDER: Python and all it needs, into an empty folder. A process of its own, so that its first failure ends it.
unpack() {
  local suite=$1 architecture=$2 root=$3 package
  mkdir -p "$root"/{apt/lists/partial,apt/archives/partial,usr/bin,usr/sbin,usr/lib,usr/lib64,etc/ssl/certs,dev/shm,tmp,wheels,samples}
  for package in bin sbin lib lib64; do ln -s "usr/$package" "$root/$package"; done
  mknod -m 666 "$root/dev/null" c 1 3
  : >"$root/apt/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(mirror) $suite main" >"$root/apt/sources.list"
  cat >"$root/apt/conf" <<END
APT { Architecture "$architecture"; Architectures { "$architecture"; }; Install-Recommends "false"; Sandbox::User "root"; };
Acquire { Languages "none"; Retries "2"; };
Dir { Etc { SourceList "$root/apt/sources.list"; SourceParts "/dev/null"; Preferences "/dev/null"; PreferencesParts "/dev/null"; };
  State { Lists "$root/apt/lists"; Status "$root/apt/status"; }; Cache "$root/apt"; Cache::Archives "$root/apt/archives"; };
Debug::NoLocking "true";
END
  export APT_CONFIG=$root/apt/conf
  timeout 120 apt-get update -qq --error-on=any
  timeout 300 apt-get install -y -qq --download-only python3 python3-venv libc-bin
  for package in "$root"/apt/archives/*.deb; do dpkg-deb -x "$package" "$root"; done
  rm -rf "$root/apt"
  cat "$root"/usr/share/ca-certificates/mozilla/*.crt >"$root/etc/ssl/certs/ca-certificates.crt" # Debian's pip reads them in any case
}

# A processor of its own: the newest Pythons. Another one: the Python of this machine's release, whose bytecode this machine can write, for an emulator
# takes twenty times as long.
unpacked() {
  local processor=$1 architecture root suite suites="stable unstable"
  case $processor in x86_64) architecture=amd64 ;; aarch64) architecture=arm64 ;; *) architecture=$processor ;; esac
  # shellcheck source=/dev/null
  [ "$processor" = "$(uname -m)" ] || suites=$(. /etc/os-release && echo "${VERSION_CODENAME:-stable}")
  if [ "$(id -u)" != 0 ] || ! command -v apt-get dpkg-deb chroot >/dev/null; then
    say "not tried: other Pythons of $processor; unpacking them needs root and apt"
  elif [ -z "$(mirror)" ]; then
    say "not tried: other Pythons of $processor; no source of apt is Debian"
  elif [ "$processor" != "$(uname -m)" ] && ! command -v "qemu-$processor-static" >/dev/null; then
    say "not tried: Python of $processor; qemu-user-static is not installed"
  else
    for suite in $suites; do
      root=$PWD/build/pythons/$suite-$processor
      if [ ! -d "$root" ]; then
        rm -rf "$root.part"
        mkdir -p "$root.part"
        if ! release/pythons.sh unpack "$suite" "$architecture" "$root.part" >"$root.log" 2>&1; then
          say "not tried: Python of $suite for $processor; it could not be unpacked: $(grep -m1 '^E:' "$root.log" || tail -1 "$root.log")"
          continue
        fi
        mv "$root.part" "$root"
      fi
      echo "$(readlink "$root/usr/bin/python3" | sed 's/^python//') $root"
    done
  fi
}

# inside FOLDER ARGUMENTS…: its Python with an empty environment.
inside() {
  local root=$1 emulator=()
  shift
  if [ "${root##*-}" != "$(uname -m)" ]; then
    emulator=("/usr/bin/qemu-${root##*-}-static")
    cp "$(command -v "${emulator[0]##*/}")" "$root/usr/bin/"
  fi
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LANG=C.UTF-8 chroot "$root" "${emulator[@]}" "$@"
}

right() { "$PYTHON" -c "import json, sys; sys.exit(json.load(sys.stdin)['findings'][0]['rule'] != '$RULE')"; }

try() {
  local root=$1 file=$2 kernel=${3:-} name version python program=()
  name=$(basename "$file")
  version=$(readlink "$root/usr/bin/python3" | sed 's/^python//')
  cp -r "samples/$SAMPLE" "$root/samples/"
  rm -rf "$root/env" "$root"/tmp/* "$root"/tmp/.[!.]*
  if [ -z "$kernel" ]; then
    cp "$file" "$root/tmp/"
    program=(/usr/bin/python3 "/tmp/$name")
  elif [ "${root##*-}" = "$(uname -m)" ]; then
    "$PYTHON" -m pip download --quiet --only-binary=:all: --python-version "$version" --dest "$root/wheels" "$file"
    cp "$file" "$root/wheels/"
    inside "$root" /usr/bin/python3 -m venv /env
    inside "$root" /env/bin/python -m pip install --quiet --no-index --find-links /wheels "/wheels/$name"
    program=(/env/bin/python /env/bin/analyze)
  else # pip chooses and unpacks what suits that processor
    mkdir "$root/env"
    "$PYTHON" -m pip install --quiet --no-compile --only-binary=:all: --implementation cp --python-version "$version" \
      --platform "manylinux2014_${root##*-}" --platform "manylinux_2_17_${root##*-}" --target "$root/env" "$file"
    python=$(here | sed -n "s/^$version //p")
    [ -z "$python" ] || env -u PYTHONDONTWRITEBYTECODE "$python" -m compileall -q -s "$root" "$root/env" "$root/usr/lib/python$version" >/dev/null || true
    program=(/usr/bin/python3 -c "import sys; sys.path.insert(0, '/env'); from analyzer.app.cli import main; main()")
  fi
  inside "$root" "${program[@]}" "/samples/$SAMPLE" -f json -o - | right
  [ -z "$kernel" ] || inside "$root" "${program[@]}" --version | grep -q "$kernel"
  echo "installed and right: Python $version of $(basename "$root"), $name"
}

"$@"
