#!/bin/sh
# Usage: scripts/install.sh
# Installs what package-lock.json names, Node itself included: npm is the only thing that the machine must bring.
set -eu
cd "$(dirname "$0")/.."
exec </dev/null
own=$PWD/node_modules/.bin

# npm must not run on the Node that it is about to delete, so it gets a PATH without any node_modules/.bin.
outside=$(printf '%s' "$PATH" | tr ':' '\n' | grep -v '/node_modules/\.bin/*$' | paste -s -d : -)

PATH=$outside command -v npm >/dev/null 2>&1 || {
  echo "npm is missing: install Node.js 20 or newer with npm (the tests and the service run on a Node of their own)" >&2
  exit 69
}
rm -f node_modules/.installed
PATH=$outside npm ci --loglevel=error --no-fund --no-audit

PATH=$own:$outside
node -e '
  const [major, minor, patch] = process.versions.node.split(".").map(Number);
  process.exit((major - 24 || minor - 14 || patch - 1) < 0 ? 1 : 0);
' || {
  echo "Node >= 24.14.1 is needed, and found is $(node --version 2>&1 | tail -n 1) on $(uname -s) $(uname -m)." >&2
  echo "It comes with npm for Linux with glibc on x64 and arm64; elsewhere put it on PATH: https://nodejs.org/en/download" >&2
  exit 69
}
touch node_modules/.installed
