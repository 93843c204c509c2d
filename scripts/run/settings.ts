import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Endpoint, parseEndpoint } from "./endpoint.ts";
import { RunError } from "./run-error.ts";

/** The addresses and the data folder of one replica. */
export interface ReplicaSettings {
  /** 1, 2, 3 ... */
  readonly number: number;
  readonly data: string;
  readonly grpc: Endpoint;
  readonly http: Endpoint;
}

export interface Settings {
  /**
   * The folder of all that must survive a restart. Replicas have one of their own, beside what a single Signet keeps.
   */
  readonly data: string;
  /** The same for all replicas; undefined if the configuration file decides. */
  readonly issuer: string | undefined;
  /** At least one. Several replicas share their state. */
  readonly replicas: readonly [ReplicaSettings, ...ReplicaSettings[]];
  /** Where the NATS server that `make run` starts listens. */
  readonly nats: Endpoint;
  /** The folder of the certificates with which gRPC is served over mTLS; undefined: gRPC is in plaintext. */
  readonly certs: string | undefined;
  /** A NATS server that is already running, if NATS_URL names one. */
  readonly runningNats: Endpoint | undefined;
}

const MOST_REPLICAS = 9;

/** Reads the environment. An empty variable counts as unset. Throws {@link RunError} for a malformed one. */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const read = (part: string, variable: string, preset: string) =>
    parseEndpoint(part, variable, env[variable] || preset);
  const count = countOf(env.REPLICAS);
  const folder = env.SIGNET_DATA || "data";
  if (count > 1) refuseEarlierLayout(folder);
  const data = count === 1 ? folder : join(folder, "replicas");
  const grpc = read("gRPC", "SIGNET_GRPC_ADDRESS", "127.0.0.1:50051");
  const http = read("HTTP", "SIGNET_HTTP_ADDRESS", "127.0.0.1:8081");
  const others = Array.from({ length: count - 1 }, (_, at) => at + 2);
  return {
    data,
    issuer: env.SIGNET_ISSUER || (env.SIGNET_CONFIG ? undefined : `http://${address(http)}`),
    replicas:
      others.length === 0
        ? [{ number: 1, data, grpc, http }]
        : [replica(1, data, grpc, http), ...others.map((number) => replica(number, data, grpc, http))],
    certs: isSet("TLS", env.TLS) ? join(folder, "certs") : undefined,
    nats: read("NATS", "SIGNET_NATS_URL", "nats://127.0.0.1:4222"),
    runningNats: env.NATS_URL ? read("NATS", "NATS_URL", "") : undefined,
  };
}

/**
 * Replicas of version 0.1.0 shared the KEK and the NATS server with a single Signet: to begin with new keys would
 * lose theirs.
 */
function refuseEarlierLayout(folder: string): void {
  if (existsSync(join(folder, "replicas")) || !existsSync(join(folder, "1", "spool"))) return;
  throw new RunError(
    `${join(folder, "1")} is a replica of an earlier version: move ${folder}/1, ${folder}/2 …, and copies of ` +
      `${folder}/kek and ${folder}/nats, into ${folder}/replicas; or remove ${folder}/1 to begin with new keys`,
  );
}

/** One of several replicas: its ports follow those of the replica before it, and it has a data folder of its own. */
function replica(number: number, data: string, grpc: Endpoint, http: Endpoint): ReplicaSettings {
  const moved = (endpoint: Endpoint) => ({ ...endpoint, port: endpoint.port + number - 1 });
  return { number, data: join(data, String(number)), grpc: moved(grpc), http: moved(http) };
}

function isSet(variable: string, text = ""): boolean {
  if (text === "" || text === "0" || text === "1") return text === "1";
  throw new RunError(`${variable} must be 0 or 1`);
}

function countOf(text = ""): number {
  if (text === "") return 1;
  if (/^[1-9]$/.test(text)) return Number(text);
  throw new RunError(`REPLICAS must be a number from 1 to ${MOST_REPLICAS}`);
}

/** `host:port`, as the command line accepts it. */
export function address({ host, port }: Endpoint): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
