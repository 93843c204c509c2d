#!/bin/sh
# Gives files to the group of a service, as `chgrp` and `chown` would. All services have one group here, and run as the
# user of the test: [OPTION...] GROUP|USER: FILE...
set -eu
# Only root may give files away.
[ "$(id -u)" = 0 ] || exit 0
for word; do
  case $word in
  signet | signet: | nats) set -- "$@" "$GROUP" ;;
  *) set -- "$@" "$word" ;;
  esac
  shift
done
command -p chgrp "$@"
