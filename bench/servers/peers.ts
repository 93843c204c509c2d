import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pinned, type Server, startServer } from "./process.ts";
import { readyAt, startNode } from "./start-node.ts";

/** A peer, and whether the objects of its calls are kept young as those of the service are. */
interface Peer {
  readonly name: string;
  readonly program: "echo" | "limit" | "obvious";
  readonly young: boolean;
}

export const PEERS: readonly Peer[] = [
  { name: "echo", program: "echo", young: false },
  { name: "echo-young", program: "echo", young: true },
  { name: "limit", program: "limit", young: false },
  { name: "limit-young", program: "limit", young: true },
  { name: "obvious", program: "obvious", young: false },
];

const FOLDER = join(import.meta.dirname, "../peers");

/** Starts a peer with the same Node flags and environment as the service. */
export async function startPeer({ name, program, young }: Peer, nats: Server, core?: number): Promise<Server> {
  const command = [...startNode(), join(FOLDER, `${program}.ts`), nats.address, ...(young ? ["young"] : [])];
  return await startServer(name, pinned(command, core), readyAt);
}

/** oidc-provider, and the secret of its client, which proves itself by client_secret_basic. */
export interface OidcProvider {
  readonly server: Server;
  readonly secret: string;
}

export async function startOidcProvider(core?: number): Promise<OidcProvider> {
  const folder = join(FOLDER, "oidc-provider");
  if (!existsSync(join(folder, "node_modules"))) throw new Error("oidc-provider is not installed: make bench PEERS=1");
  const secret = randomBytes(32).toString("base64url");
  const [env = "", ...start] = startNode();
  const command = [env, "NODE_ENV=production", ...start, join(folder, "server.js"), secret];
  return { server: await startServer("oidc-provider", pinned(command, core), readyAt), secret };
}

/** Starts a collector of traces, at `host:port`. */
export async function startCollector(): Promise<Server> {
  return await startServer("collector", [process.execPath, join(FOLDER, "collector.ts")], readyAt);
}
