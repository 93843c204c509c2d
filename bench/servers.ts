import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { waitUntilServing } from "./health.ts";
import { type Server, startServer } from "./process.ts";

export const PEERS = ["echo", "limit", "obvious"] as const;

/** Starts a peer with the same Node flags and environment as the service. */
export async function startPeer(name: (typeof PEERS)[number], nats: Server): Promise<Server> {
  const program = join(import.meta.dirname, "peers", `${name}.ts`);
  return await startServer(name, [...startNode(), program, nats.address], readyAt);
}

/**
 * Starts the service as `npm start` does, on an empty data folder, and waits until it can issue. Without `cacheEntries`
 * it checks every signature, as the peers do.
 */
export async function startSignet(
  nats: Server,
  folder: string,
  { flags = [], cacheEntries = 0 }: { readonly flags?: readonly string[]; readonly cacheEntries?: number } = {},
): Promise<Server> {
  mkdirSync(folder, { recursive: true });
  const config = join(folder, "signet.yaml");
  writeFileSync(
    config,
    stringify({
      issuer: "https://signet.example",
      data: join(folder, "data"),
      grpc: { address: "127.0.0.1:0" },
      http: { address: "127.0.0.1:0" },
      nats: { url: `nats://${nats.address}` },
      verify: { cache_entries: cacheEntries },
    }),
  );
  const program = join(import.meta.dirname, "../src/main.ts");
  const command = [...startNode(), ...flags, program, "serve", "--config", config];
  const server = await startServer("signet", command, readyAt);
  await waitUntilServing(server.address, "signet.v1.TokenService/IssueToken");
  return server;
}

/** Node with the environment and the flags of the start script in package.json. */
function startNode(): string[] {
  const { scripts } = JSON.parse(readFileSync(join(import.meta.dirname, "../package.json"), "utf8"));
  const words: string[] = scripts.start.split(" ");
  const start = words.slice(0, words.indexOf("src/main.ts"));
  return ["/usr/bin/env", ...start.map((word) => (word === "node" ? process.execPath : word))];
}

/** The gRPC address, if this is the log line of a server that is ready. */
function readyAt(line: string): string | undefined {
  if (!line.startsWith("{")) return undefined;
  const { event, grpc } = JSON.parse(line);
  return event === "ready" ? grpc : undefined;
}
