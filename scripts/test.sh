#!/bin/sh
# Usage: scripts/test.sh [FLAG...] [FILE...]
# Runs the tests, and then searches what their services have shown meanwhile for the secrets that they had.
set -u
cd "$(dirname "$0")/.." || exit 1
# The tests gather in one what services have shown, and share in the other what they build.
LEAK_FOLDER=$(mktemp -d) && BUILD_FOLDER=$(mktemp -d) || exit 1
export LEAK_FOLDER BUILD_FOLDER

# Whether so many KiB are 4 GiB or more: several times what the tests have at once.
has_room() { [ "$1" -ge 4194304 ] 2>/dev/null; }

# A folder in memory, where that has room for what the tests write, and programs may be run from it. A disk that stalls
# for seconds would hold up every service that syncs, which then refuses to issue.
memory_folder() {
  has_room "$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }')" &&
    has_room "$(awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo 2>/dev/null)" &&
    memory=$(mktemp -d -p /dev/shm) && chmod 1777 "$memory" || return
  printf '#!/bin/sh\n' >"$memory/program" && chmod 755 "$memory/program" && "$memory/program" 2>/dev/null
}

memory=
[ -n "${TMPDIR-}" ] || ! memory_folder || export TMPDIR="$memory"
trap 'rm -rf "$LEAK_FOLDER" "$BUILD_FOLDER" "$memory"' EXIT
trap 'exit 130' INT TERM

ava "$@"
code=$?
node scripts/leaks.ts "$LEAK_FOLDER" ${CI:+--whole} || code=1
exit "$code"
