#!/bin/sh
# Usage: scripts/generate.sh [FOLDER]
# Writes src/gen, the stubs of examples/gateway, and proto/signet.binpb, the image of the contract, into FOLDER
# (default: this checkout). A contract that breaks clients of the present image is refused. To break them on purpose,
# delete proto/signet.binpb first.
set -eu
cd "$(dirname "$0")/.."
image=proto/signet.binpb
out=${1:-.}

[ ! -e "$image" ] || buf breaking --against "$image"
buf generate --output "$out"
buf generate --output "$out" --template examples/gateway/buf.gen.yaml --path proto/signet/v1/session.proto \
  --path proto/signet/v1/token.proto --path proto/signet/v1/profiles.proto --path proto/signet/v1/keys.proto
mkdir -p "$out/proto"
buf build --exclude-path proto/grpc --exclude-path proto/spiffe --as-file-descriptor-set --exclude-source-info \
  --output "$out/$image"
