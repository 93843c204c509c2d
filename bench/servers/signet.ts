import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import type { Guard } from "./guard.ts";
import { waitUntilServing } from "./health.ts";
import { pinned, type Server, startServer } from "./process.ts";
import { readyAt, startNode } from "./start-node.ts";

const SOURCES = join(import.meta.dirname, "../../src/main.ts");
/** The package as it is published, compiled: `make build` makes it. */
export const PACKAGE = join(import.meta.dirname, "../../dist/package");

/** Whether the service has another library than OpenSSL, which the peers use. */
export const HAS_LIBSODIUM = existsSync(join(import.meta.dirname, "../../node_modules/sodium-native"));

export interface SignetOptions {
  readonly flags?: readonly string[];
  readonly cacheEntries?: number;
  /** What guards the service from the network. Without it, it serves plaintext on loopback. */
  readonly guarded?: Guard;
  /** Whether it shares its state over NATS, as replicas do. */
  readonly shared?: boolean;
  /** The section `traces` of its configuration. Without it, there are none. */
  readonly traces?: object;
  /** Whether the profile `service` is strict. */
  readonly strict?: boolean;
  /** Which library signs and verifies. Default: libsodium, if it is installed. */
  readonly ed25519?: "auto" | "openssl";
  /** Where it serves metrics, as `host:port`. Default: a random port. */
  readonly http?: string;
  /** The only core that it may use. */
  readonly core?: number | undefined;
  /** A file that replicas share. Without it, the service makes a key-encryption key of its own. */
  readonly kek?: string;
  /** Default: the sources. */
  readonly program?: string;
}

/**
 * Starts the service as `npm start` does, on an empty data folder, and waits until it can issue. Without `cacheEntries`
 * it checks every signature, as the peers do.
 */
export async function startSignet(nats: Server, folder: string, options: SignetOptions = {}): Promise<Server> {
  const { flags = [], guarded, program = SOURCES } = options;
  const command = [...startNode(), ...flags, program, "serve", "--config", writeConfig(nats, folder, options)];
  const started = await startServer("signet", pinned(command, options.core), readyAt);
  const server = { ...started, tls: guarded?.client };
  await waitUntilServing(server, "signet.v1.TokenService/IssueToken");
  return server;
}

function writeConfig(nats: Server, folder: string, options: SignetOptions): string {
  const { cacheEntries = 0, guarded, shared = false, traces, strict = false, kek, http = "127.0.0.1:0" } = options;
  const { ed25519 = "auto" } = options;
  mkdirSync(folder, { recursive: true });
  const config = join(folder, "signet.yaml");
  writeFileSync(
    config,
    stringify({
      issuer: "https://signet.example",
      data: join(folder, "data"),
      grpc: { address: "127.0.0.1:0" },
      http: { address: http },
      nats: { url: `nats://${nats.address}` },
      signing: { ed25519 },
      verify: { cache_entries: cacheEntries },
      ...(shared && { state: { store: "nats", first_start: true } }),
      ...(kek && { kek: { file: kek } }),
      ...(traces && { traces }),
      ...(strict && { profiles: { folder: strictProfiles(folder), replace: ["service"] } }),
      ...guarded?.settings,
    }),
  );
  return config;
}

/** A folder with the profile `service` as it ships, but strict. */
function strictProfiles(folder: string): string {
  const profiles = join(folder, "profiles");
  mkdirSync(profiles, { mode: 0o700 });
  const shipped = parse(readFileSync(join(import.meta.dirname, "../../profiles/service.yaml"), "utf8"));
  const strict = { ...shipped, audit: { ...shipped.audit, mode: "strict" } };
  writeFileSync(join(profiles, "service.yaml"), stringify(strict), { mode: 0o600 });
  return profiles;
}
