#!/bin/sh
# Usage: scripts/signet.sh [ARGUMENT...]
# The `signet` command of package.json. npx starts it on any machine; Signet runs on the Node that npm installed beside
# it, else on the one on PATH. Node older than 24 could not even read its source.
# A small young generation: clients that open and reset thousands of calls fill it with garbage, which honest calls
# do not. One arena for all threads: glibc keeps what is freed in an arena for the threads of that arena, which under
# such clients was up to 70 MB. No Maglev: what is called often is compiled by TurboFan anyway, and what Maglev
# allocates stays in that arena. All are read at the start only. What can be set at run time is in src/app/heap.ts.
export MALLOC_ARENA_MAX=1
flags="--disable-sigusr1 --max-semi-space-size=4 --no-maglev"
self=$(readlink -f "$0")
root=${self%/*}/..
# The sources are stripped of their types and compiled once, not at each start.
export NODE_COMPILE_CACHE="${NODE_COMPILE_CACHE:-$root/node_modules/.cache/compiled}"
for node in "$root/node_modules/.bin/node" node; do
  case $("$node" --version 2>/dev/null) in
    v2[4-9].* | v[3-9][0-9].*) exec "$node" $flags "$root/src/main.ts" "$@" ;;
  esac
done
echo "error: OLD_NODE: Signet needs Node >=24.14.1; npm ci installs it on Linux with glibc, else put it on PATH" >&2
exit 71
