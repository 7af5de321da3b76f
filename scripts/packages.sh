#!/usr/bin/env bash
# Installs the named Debian packages, quietly and without questions: scripts/packages.sh NAME…
# As root it installs; otherwise it tries sudo without a password, or says what to install.
set -euo pipefail
[ $# -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
  else
    echo "packages: please install, as root: apt-get install -y $*" >&2
    exit 1
  fi
fi
command -v apt-get >/dev/null || { echo "packages: no apt-get here; please install: $*" >&2; exit 1; }

# RUNLEVEL=1 keeps the packages' own services from starting: we start servers of our own.
apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -o DPkg::Lock::Timeout=300 -qq "$@" </dev/null >&2
}
echo "packages: installing $*" >&2
apt update
apt install -y --no-install-recommends "$@"
