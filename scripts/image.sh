#!/bin/sh
# Usage: scripts/image.sh [--renew]
# Builds the container image with docker and its buildx, else with podman. First it writes the digests of the bases
# (BUILD and BASE) into the Dockerfile where they have none, and with --renew the newest ones of their tags. Commit that:
# every build then has the same bases. The digests come from the registries through buildx, skopeo or crane.
# IMAGE in the environment is the name of the image; by default signet:VERSION.
# Exit codes: 0 built; 2 wrong usage; 69 a tool is missing or no registry answers; otherwise that of the engine.
set -u
cd "$(dirname "$0")/.." || exit 1
exec </dev/null

say() { printf 'image: %s\n' "$*" >&2; }

# Prints the engine that can build here.
find_engine() {
  { docker_works && echo docker; } || { podman_works && echo podman; } || {
    cat "$work/reasons" >&2
    say "to build the image, install docker with buildx, or podman, and start it"
    return 69
  }
}

# The BUILDPLATFORM of the Dockerfile is unknown to docker without buildx.
docker_works() {
  command -v docker >/dev/null 2>&1 || refuse "docker is not on PATH" || return
  docker buildx version >/dev/null 2>&1 || refuse "docker has no buildx" || return
  docker info >"$work/log" 2>&1 || refuse "docker can't be used: $(tail -n 1 "$work/log")"
}

podman_works() {
  command -v podman >/dev/null 2>&1 || refuse "podman is not on PATH" || return
  podman info >"$work/log" 2>&1 || refuse "podman can't be used: $(tail -n 1 "$work/log")"
}

refuse() {
  say "$1" 2>>"$work/reasons"
  return 1
}

# Prints the tool that can ask a registry.
find_resolver() {
  if docker buildx version >/dev/null 2>&1; then
    echo buildx
  elif command -v skopeo >/dev/null 2>&1; then
    echo skopeo
  elif command -v crane >/dev/null 2>&1; then
    echo crane
  else
    say "to pin the bases by digest, install docker with buildx, skopeo or crane"
    return 69
  fi
}

base() { sed -n "s/^ARG $1=//p" Dockerfile; }

must_pin() {
  case $(base "$1") in
    *@sha256:*) [ "$renew" = yes ] ;;
    *) true ;;
  esac
}

# Prints the digest of an image for all its platforms.
digest_of() {
  case $resolver in
    buildx) docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$1" ;;
    skopeo) skopeo inspect --format '{{.Digest}}' "docker://$1" ;;
    crane) crane digest "$1" ;;
  esac
}

pin() {
  image=$(base "$1") && image=${image%@*}
  digest=$(digest_of "$image" 2>"$work/log") || {
    say "$resolver found no digest of $image: $(tail -n 1 "$work/log")"
    return 69
  }
  printf '%s\n' "$digest" | grep -Eqx 'sha256:[0-9a-f]{64}' || {
    say "$resolver gave \"$digest\" as the digest of $image; a digest is sha256: and 64 hexadecimal digits"
    return 69
  }
  sed "s|^ARG $1=.*|ARG $1=$image@$digest|" Dockerfile >"$work/Dockerfile" && cat "$work/Dockerfile" >Dockerfile || return
  say "pinned $1 to $image@$digest; commit the Dockerfile"
}

build() {
  version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
  revision=$(git describe --always --dirty --abbrev=40 --exclude '*' 2>/dev/null) || revision=unknown
  created=$(git log -1 --format=%cI 2>/dev/null) || created=unknown
  case $engine in
    docker) set -- docker buildx build --load ;;
    # The format of OCI has no HEALTHCHECK.
    podman) set -- podman build --format docker ;;
  esac
  "$@" --build-arg "VERSION=$version" --build-arg "REVISION=$revision" --build-arg "CREATED=$created" \
    --tag "${IMAGE:-signet:$version}" .
}

renew=no
case ${1-} in
  --renew) renew=yes && shift ;;
esac
[ $# = 0 ] || {
  say "unknown argument \"$1\"; allowed: --renew"
  exit 2
}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

unpinned=
for name in BUILD BASE; do
  must_pin $name && unpinned="$unpinned $name"
done
missing=0
engine=$(find_engine) || missing=69
[ -z "$unpinned" ] || resolver=$(find_resolver) || missing=69
[ $missing = 0 ] || exit $missing
for name in $unpinned; do
  pin "$name" || exit
done
build
