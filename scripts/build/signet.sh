#!/bin/sh
# Usage: signet [ARGUMENT...]
# The command of the package: starts Signet on the Node on PATH, with the flags and the environment of
# scripts/signet.sh, which says why.
export MALLOC_ARENA_MAX=1
self=$(readlink -f "$0")
case $(node --version 2>/dev/null) in
  v2[4-9].* | v[3-9][0-9].*)
    exec node --disable-sigusr1 --max-semi-space-size=4 --no-maglev "${self%/*}/../lib/main.js" "$@"
    ;;
esac
echo "error: OLD_NODE: Signet needs Node >=24.14.1 on PATH: https://nodejs.org/en/download" >&2
exit 71
