#!/bin/sh
# Usage: scripts/commands.sh [--install] COMMAND...
# Says which of the commands are missing. With --install, Debian's packages that have them are installed first, which
# needs root and changes the machine: for CI.
# Exit codes: 0 all are there; 69 one is missing, and standard error says how to get it.
set -u
exec </dev/null

package_of() {
  case $1 in
    ip) echo iproute2 ;;
    losetup | nsenter | setpriv | unshare) echo util-linux ;;
    mkfs.ext4) echo e2fsprogs ;;
    script) echo bsdutils ;;
    systemctl | systemd-notify) echo systemd ;;
    *) echo "$1" ;;
  esac
}

missing() { for command in $commands; do command -v "$command" >/dev/null || echo "$command"; done; }

packages() { for command in $(missing); do package_of "$command"; done; }

install_missing() {
  export DEBIAN_FRONTEND=noninteractive
  # A machine that was just made has no package lists.
  apt-get update && apt-get install --yes --no-install-recommends $(packages)
}

may_install=no
[ "${1-}" != --install ] || { may_install=yes; shift; }
commands=$*
[ -n "$(missing)" ] || exit 0
if [ $may_install = yes ]; then
  echo "commands: installing with apt:" $(packages) >&2
  output=$(install_missing 2>&1) || printf '%s\n' "$output" | tail -n 3 >&2
  [ -n "$(missing)" ] || exit 0
fi
echo "Not on PATH:" $(missing)". To get them: apt-get (Debian, Ubuntu) install" $(packages) >&2
exit 69
