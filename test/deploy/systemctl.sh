#!/bin/sh
# Starts a unit below $ROOT as `systemctl` would, without its sandbox: COMMAND [OPTION...] UNIT
set -eu
case $1 in
daemon-reload) exit 0 ;;
enable | start | stop | restart | status) for name; do :; done ;;
*) echo "systemctl $1 is not known here" >&2 && exit 1 ;;
esac
if [ "$1" = status ]; then
  kill -0 "$(cat "$ROOT/run/$name.pid")"
  exit
fi
if [ -e "$ROOT/run/$name.pid" ]; then
  pid=$(cat "$ROOT/run/$name.pid")
  kill "$pid" 2>/dev/null || true
  while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
fi
[ "$1" != stop ] || exit 0
unit=$ROOT/run/$name.unit
mkdir -p -m 700 "$ROOT/var/lib/${name%-server}"
# What was written on the page has the root in its paths already.
sed -E "s#$ROOT##g; s#/(usr/lib|usr/local|etc|var/lib)/#$ROOT&#g; s#%d#$ROOT/etc/$name#g" \
  "$ROOT/etc/systemd/system/$name.service" > "$unit"
# Root gives it the group of a service, see chgrp.
as=
[ "$(id -u)" != 0 ] || as="setpriv --regid=$GROUP --clear-groups"
env $(sed -n 's/^Environment=//p' "$unit") $as setsid $(sed -n 's/^ExecStart=//p' "$unit") \
  > "$ROOT/run/$name.log" 2>&1 &
echo $! > "$ROOT/run/$name.pid"
