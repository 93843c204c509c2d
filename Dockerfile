# The image of Signet: docs/container.md. `make image` builds it, and pins both bases here by their digest.
ARG BUILD=docker.io/library/node:24-trixie-slim
ARG BASE=gcr.io/distroless/nodejs24-debian13:nonroot

# What is built is the same for every platform, so that no platform needs an emulator.
FROM --platform=$BUILDPLATFORM ${BUILD} AS build
WORKDIR /checkout
COPY package.json package-lock.json ./
RUN npm ci --loglevel=error --no-fund --no-audit
COPY . .
RUN node scripts/build.ts && node scripts/image-tree.ts /image

FROM ${BASE}
ARG BASE
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="Signet" \
      org.opencontainers.image.description="Issues, verifies and revokes scoped JSON Web Tokens over gRPC" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${BASE}"
COPY --from=build /image/signet /signet
# Engines give a new volume the owner and the mode of the folder that it covers.
COPY --from=build --chown=65532:65532 /image/data /data
# Why one arena, and these flags of Node: bin/signet of the package, which a base without a shell can't run.
ENV MALLOC_ARENA_MAX=1 \
    SIGNET_DATA=/data
# By number: Kubernetes must see that it is not root.
USER 65532:65532
WORKDIR /data
VOLUME ["/data"]
EXPOSE 50051 8081
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 \
  CMD ["/nodejs/bin/node", "/signet/lib/main.js", "health"]
ENTRYPOINT ["/nodejs/bin/node", "--disable-sigusr1", "--max-semi-space-size=4", "--no-maglev", \
            "/signet/lib/main.js"]
CMD ["serve"]
