#!/bin/sh
# Usage: scripts/generate.sh [FOLDER]
# Writes src/gen and proto/signet.binpb, the image of the contract, into FOLDER (this checkout unless told). The image is
# what the next contract is compared with, so a contract that would break a client of it is refused here; who means to
# break them deletes proto/signet.binpb first.
set -eu
cd "$(dirname "$0")/.."
image=proto/signet.binpb
out=${1:-.}

[ ! -e "$image" ] || buf breaking --against "$image"
buf generate --output "$out"
mkdir -p "$out/proto"
buf build --as-file-descriptor-set --exclude-source-info --output "$out/$image"
