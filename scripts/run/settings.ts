import { join } from "node:path";
import { type Endpoint, parseEndpoint } from "./endpoint.ts";
import { RunError } from "./run-error.ts";

/** Where one Signet listens and keeps what must outlive it. */
export interface ReplicaSettings {
  /** 1, 2, 3 ... */
  readonly number: number;
  readonly data: string;
  readonly grpc: Endpoint;
  readonly http: Endpoint;
}

export interface Settings {
  /** The folder of everything that must outlive the process. */
  readonly data: string;
  /** At least one. Where there are more they share their state. */
  readonly replicas: readonly [ReplicaSettings, ...ReplicaSettings[]];
  /** Where a NATS server of our own listens. */
  readonly nats: Endpoint;
  /** A NATS server that runs already, if the user names one. */
  readonly runningNats: Endpoint | undefined;
}

const MOST_REPLICAS = 9;

/** Reads the environment; a variable that is empty counts as unset. Throws {@link RunError} for a malformed one. */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const read = (part: string, variable: string, preset: string) =>
    parseEndpoint(part, variable, env[variable] || preset);
  const data = env.SIGNET_DATA || "data";
  const grpc = read("gRPC", "SIGNET_GRPC_ADDRESS", "127.0.0.1:50051");
  const http = read("HTTP", "SIGNET_HTTP_ADDRESS", "127.0.0.1:8081");
  const others = Array.from({ length: countOf(env.REPLICAS) - 1 }, (_, at) => at + 2);
  return {
    data,
    replicas:
      others.length === 0
        ? [{ number: 1, data, grpc, http }]
        : [replica(1, data, grpc, http), ...others.map((number) => replica(number, data, grpc, http))],
    nats: read("NATS", "SIGNET_NATS_URL", "nats://127.0.0.1:4222"),
    runningNats: env.NATS_URL ? read("NATS", "NATS_URL", "") : undefined,
  };
}

/** One of several: on the ports that follow those of the one before, in a folder of its own. */
function replica(number: number, data: string, grpc: Endpoint, http: Endpoint): ReplicaSettings {
  const moved = (endpoint: Endpoint) => ({ ...endpoint, port: endpoint.port + number - 1 });
  return { number, data: join(data, String(number)), grpc: moved(grpc), http: moved(http) };
}

function countOf(text = ""): number {
  if (text === "") return 1;
  if (/^[1-9]$/.test(text)) return Number(text);
  throw new RunError(`REPLICAS must be a number from 1 to ${MOST_REPLICAS}`);
}

/** `host:port`, as the command line takes it. */
export function address({ host, port }: Endpoint): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
