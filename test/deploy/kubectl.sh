#!/bin/sh
# Stands in for kubectl where there is no cluster: the files of Secrets go to $HOSTS/secrets/NAME.
set -eu
case "$*" in
"create namespace signet") ;;
"-n signet create secret generic "*)
  secret=$HOSTS/secrets/$6
  mkdir -p "$secret"
  for option; do
    file=${option#--from-file=}
    [ "$file" = "$option" ] || cp "${file#*=}" "$secret/${file%%=*}"
  done
  ;;
# The test waits for the pods.
"-n signet rollout status statefulset/signet --timeout=5m") ;;
"-n signet port-forward service/signet 50051")
  echo $$ > "$ROOT/run/port-forward.pid"
  exec node "$CHECKOUT/test/deploy/port-forward.ts" 50051 "$(cat "$HOSTS/endpoint")"
  ;;
*) echo "kubectl $* is not known here" >&2 && exit 1 ;;
esac
