#!/bin/sh
# Usage: scripts/test.sh [FLAG...] [FILE...]
# Runs the tests, and then searches what their services have shown meanwhile for the secrets that they had.
set -u
cd "$(dirname "$0")/.." || exit 1
# The tests gather in one what services have shown, and share in the other what they build.
LEAK_FOLDER=$(mktemp -d) && BUILD_FOLDER=$(mktemp -d) || exit 1
export LEAK_FOLDER BUILD_FOLDER
trap 'rm -rf "$LEAK_FOLDER" "$BUILD_FOLDER"' EXIT
trap 'exit 130' INT TERM

ava "$@"
code=$?
node scripts/leaks.ts "$LEAK_FOLDER" ${CI:+--whole} || code=1
exit "$code"
