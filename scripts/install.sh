#!/bin/sh
# Usage: scripts/install.sh
# Installs the packages in package-lock.json, Node 24 included, and those of the example gateway. The machine needs only
# npm.
set -eu
cd "$(dirname "$0")/.."
exec </dev/null
own=$PWD/node_modules/.bin

# npm ci deletes node_modules first, and must not run on the Node in there: its PATH has no node_modules/.bin.
outside=$(printf '%s' "$PATH" | tr ':' '\n' | grep -v '/node_modules/\.bin/*$' | paste -s -d : -)

PATH=$outside command -v npm >/dev/null 2>&1 || {
  echo "npm is missing: install Node.js 20 or newer with npm (which installs the Node that runs Signet)" >&2
  exit 69
}
rm -f node_modules/.installed
PATH=$outside npm ci --loglevel=error --no-fund --no-audit
PATH=$outside npm ci --prefix examples/gateway --loglevel=error --no-fund --no-audit

PATH=$own:$outside
node -e '
  const [major, minor, patch] = process.versions.node.split(".").map(Number);
  process.exit((major - 24 || minor - 14 || patch - 1) < 0 ? 1 : 0);
' || {
  echo "Signet needs Node >= 24.14.1, and found $(node --version 2>&1 | tail -n 1) on $(uname -s) $(uname -m)." >&2
  echo "npm installs it on Linux with glibc (x64, arm64); elsewhere put it on PATH: https://nodejs.org/en/download" >&2
  exit 69
}
touch node_modules/.installed
