# The image of every role: edge, worker, and the commands. Types are taken away ahead of time (docs/adr/0010), so that no
# process carries the stripper; nothing that only tests or checks need is in it, and no secret.
#
#   docker build -t causeway:0.1.0 .
FROM node:24-trixie-slim AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
COPY packages/causeway/package.json packages/causeway/
COPY packages/cluster/package.json packages/cluster/
COPY packages/config/package.json packages/config/
COPY packages/protocol/package.json packages/protocol/
COPY packages/runtime/package.json packages/runtime/
COPY services/edge/package.json services/edge/
COPY services/worker/package.json services/worker/
COPY test/package.json test/
# All of it has to be in the one node_modules that is copied below.
RUN npm ci --omit=dev --ignore-scripts && rm node_modules/@causeway/test && ! ls -d packages/*/node_modules services/*/node_modules 2>/dev/null
COPY packages packages
COPY services services
COPY scripts/build.ts scripts/
RUN node --disable-warning=ExperimentalWarning scripts/build.ts /app && mv node_modules /app/

FROM node:24-trixie-slim
# tini is PID 1: it reaps what children leave behind, and hands signals on.
RUN apt-get update \
 && apt-get install -y --no-install-recommends tini \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log \
 && groupadd --gid 10001 causeway \
 && useradd --uid 10001 --gid causeway --home-dir /cache --no-create-home --shell /usr/sbin/nologin causeway \
 # Mount points: a new volume takes over owner and mode of the directory that it is mounted on.
 && install -d -o causeway -g causeway -m 0700 /cache /keys/nats /keys/edge /keys/worker /keys/bootstrap \
      /data/nats-1 /data/nats-2 /data/nats-3 /data/prometheus \
 && ln -s /app/packages/causeway/bin/causeway.js /usr/local/bin/causeway
COPY --from=build /app /app
# HOME is where npx and uvx keep what they fetched: mount a volume at /cache, and nothing is fetched twice.
ENV NODE_ENV=production \
    HOME=/cache \
    CAUSEWAY_HOST=0.0.0.0 \
    CAUSEWAY_DIAGNOSTICS_HOST=0.0.0.0 \
    CAUSEWAY_LOG_FORMAT=json
USER 10001:10001
# Not where children write: a causeway.yaml in the working directory would be read. Ours is /etc/causeway/causeway.yaml.
WORKDIR /
EXPOSE 8000 9464
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["causeway", "health", "--port", "9464"]
LABEL org.opencontainers.image.title="Causeway" \
      org.opencontainers.image.description="Puts stdio MCP servers on the network: edges, workers, commands." \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
ENTRYPOINT ["tini", "--", "causeway"]
CMD ["--help"]
