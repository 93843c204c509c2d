#!/bin/sh
# Usage: scripts/verify.sh
# Runs every check and prints "ok NAME" or "not ok NAME" for each, after its output. Ends with the list of failed checks
# and exit code 1 if there are any.
set -u
cd "$(dirname "$0")/.." || exit 1
exec </dev/null
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=

check() {
  name=$1
  shift
  if "$@" >"$work/output" 2>&1; then
    echo "ok $name"
  else
    cat "$work/output"
    echo "not ok $name"
    failed="$failed $name"
  fi
}

# Compares with freshly generated files, not with HEAD: this works in a dirty tree too. An untracked file was forgotten.
generated() {
  scripts/generate.sh "$work/fresh" || return
  diff -r "$work/fresh/src/gen" src/gen && diff -r "$work/fresh/examples/gateway/gen" examples/gateway/gen && cmp "$work/fresh/proto/signet.binpb" proto/signet.binpb || {
    echo "generated files differ from the contract; run: make generate"
    return 1
  }
  unknown=$(git ls-files --others -- src/gen examples/gateway/gen proto) || return
  [ -z "$unknown" ] || {
    printf '%s\n' "$unknown" "these files are not in git; run: git add src/gen examples/gateway/gen proto"
    return 1
  }
}

check generated generated
check breaking buf breaking --against proto/signet.binpb
check contract buf lint
check contract-format buf format --exclude-path proto/grpc --exclude-path proto/spiffe --diff --exit-code
check lint biome ci --colors=off --error-on-warnings .
check types tsc
check example-types tsc --project examples/gateway
check browser-types tsc --project test/browser
check dead-code knip --no-progress --treat-config-hints-as-errors

[ -z "$failed" ] || {
  echo "failed:$failed"
  exit 1
}
