#!/bin/sh
# Stands in for Helm where there is no cluster: what it would install is rendered by the real one, into $HOSTS.
set -eu
# The real one: this script is in the first folder.
PATH=${PATH#*:}:$CHECKOUT/.tools/bin
case "$*" in
"lint "*) helm "$@" ;;
"-n signet install "* | "-n signet upgrade "*)
  shift 3
  helm -n signet template "$@" > "$HOSTS/manifests.yaml"
  ;;
# The chart of NATS is there already, and the test runs the pod.
"dependency update "* | "-n signet test signet") ;;
*) echo "helm $* is not known here" >&2 && exit 1 ;;
esac
