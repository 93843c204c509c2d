#!/bin/sh
# Usage: scripts/tools.sh NAME...   (nats-server, grpcurl)
# Prints the path of each tool, one a line, in the order asked for. A tool that is neither on PATH nor in .tools/bin is
# fetched into .tools: by Go, else from Debian's archive. Nothing outside .tools changes, and nothing is asked.
# Exit codes: 0 all there; 2 an unknown name; 69 a tool is missing, and standard error says how to get it.
set -u
cd "$(dirname "$0")/.." || exit 1
root=$(pwd)
bin=$root/.tools/bin
exec </dev/null

say() { printf '%s\n' "$*" >&2; }

go_package() {
  case $1 in
    nats-server) echo github.com/nats-io/nats-server/v2@v2.15.1 ;;
    grpcurl) echo github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3 ;;
    *) return 1 ;;
  esac
}

debian_package() {
  case $1 in
    nats-server) echo nats-server ;;
    *) return 1 ;;
  esac
}

runs() { "$1" --version >/dev/null 2>&1; }

find_tool() {
  found=$(command -v "$1" 2>/dev/null) && runs "$found" && return
  found=$bin/$1 && runs "$found"
}

# Both ways build elsewhere and rename at the end: a run that was cut short, or two at once, leave no half a tool.
keep() {
  chmod 755 "$1" && runs "$1" && mkdir -p "$bin" && mv -f "$1" "$bin/"
}

from_go() {
  package=$(go_package "$1") && command -v go >/dev/null 2>&1 || return 1
  say "tools: building $package with Go (a minute or two) ..."
  GOBIN=$work/go GOFLAGS=-modcacherw go install "$package" >"$work/log" 2>&1 && keep "$work/go/$1" && return
  say "tools: Go could not: $(tail -n 1 "$work/log")"
  return 1
}

# Unpacked, not installed, also as root: the package's own installation starts a system service on port 4222.
from_debian() {
  package=$(debian_package "$1") && command -v apt-get >/dev/null 2>&1 && command -v dpkg >/dev/null 2>&1 || return 1
  say "tools: fetching Debian's $package ..."
  mkdir -p "$work/deb" && download "$package" && dpkg -x "$work"/deb/*.deb "$work/deb/root" &&
    keep "$(find "$work/deb/root" -type f -path "*bin/$1")" && return
  say "tools: apt could not: $(tail -n 1 "$work/log")"
  return 1
}

# With the machine's package lists; where it has none, with private ones: that needs no root and leaves the machine as it is.
download() (
  cd "$work/deb" || exit 1
  apt-get download "$1" >"$work/log" 2>&1 && exit
  mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial"
  private_apt update >"$work/log" 2>&1
  private_apt download "$1" >>"$work/log" 2>&1
)

private_apt() {
  apt-get -o "Dir::State::Lists=$work/apt/lists" -o "Dir::Cache=$work/apt/cache" -o "APT::Sandbox::User=" "$@"
}

how_to_get() {
  say "$1 is missing: not on PATH, not in .tools/bin, and neither Go nor apt could fetch it."
  case $1 in
    nats-server)
      say "  Debian, Ubuntu: apt-get install nats-server     macOS: brew install nats-server"
      say "  anything else:  https://github.com/nats-io/nats-server/releases, put nats-server on PATH or into .tools/bin"
      ;;
    grpcurl)
      say "  macOS: brew install grpcurl     with Go: go install $(go_package grpcurl)"
      say "  anything else:  https://github.com/fullstorydev/grpcurl/releases, put grpcurl on PATH or into .tools/bin"
      ;;
  esac
}

work=
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
missing=0
for tool in "$@"; do
  go_package "$tool" >/dev/null || {
    say "tools: unknown tool \"$tool\"; allowed: nats-server, grpcurl"
    exit 2
  }
  if ! find_tool "$tool"; then
    mkdir -p "$root/.tools" && work=$(mktemp -d "$root/.tools/get.XXXXXX") || exit 1
    from_go "$tool" || from_debian "$tool" || { how_to_get "$tool"; missing=69; }
    rm -rf "$work"
    work=
    find_tool "$tool" || continue
  fi
  printf '%s\n' "$found"
done
exit $missing
