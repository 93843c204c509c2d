#!/bin/sh
# Usage: scripts/generate.sh [FOLDER]
# Writes src/gen and proto/signet.binpb, the image of the contract, into FOLDER (default: this checkout). A contract
# that breaks clients of the present image is refused. To break them on purpose, delete proto/signet.binpb first.
set -eu
cd "$(dirname "$0")/.."
image=proto/signet.binpb
out=${1:-.}

[ ! -e "$image" ] || buf breaking --against "$image"
buf generate --output "$out"
mkdir -p "$out/proto"
buf build --as-file-descriptor-set --exclude-source-info --output "$out/$image"
