#!/bin/sh
# Usage: scripts/browser.sh [--install]
# Prints the path of Chromium, which the tests in test/browser/ drive. With --install, Debian's package is installed
# first if there is none, which needs root and changes the machine: for CI.
# Exit codes: 0 found; 69 missing, and standard error says how to get it.
set -u
exec </dev/null

find_browser() { command -v chromium || command -v chromium-browser || command -v google-chrome; }

install_browser() {
  export DEBIAN_FRONTEND=noninteractive
  # A machine that was just made has no package lists.
  apt-get update && apt-get install --yes --no-install-recommends chromium fonts-liberation
}

find_browser && exit
if [ "${1-}" = --install ]; then
  echo "browser: installing Debian's chromium with apt ..." >&2
  output=$(install_browser 2>&1) || printf '%s\n' "$output" | tail -n 3 >&2
  find_browser && exit
fi
echo "Chromium is not on PATH. To get it: Debian, Ubuntu: apt-get install chromium     macOS: brew install chromium" >&2
exit 69
