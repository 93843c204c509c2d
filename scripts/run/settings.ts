import { type Endpoint, parseEndpoint } from "./endpoint.ts";

export interface Settings {
  /** The folder of everything that must outlive the process. */
  readonly data: string;
  readonly grpc: Endpoint;
  readonly http: Endpoint;
  /** Where a NATS server of our own listens. */
  readonly nats: Endpoint;
  /** A NATS server that runs already, if the user names one. */
  readonly runningNats: Endpoint | undefined;
}

/** Reads the environment; a variable that is empty counts as unset. Throws {@link RunError} for a malformed one. */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const read = (part: string, variable: string, preset: string) =>
    parseEndpoint(part, variable, env[variable] || preset);
  return {
    data: env.SIGNET_DATA || "data",
    grpc: read("gRPC", "SIGNET_GRPC_ADDRESS", "127.0.0.1:50051"),
    http: read("HTTP", "SIGNET_HTTP_ADDRESS", "127.0.0.1:8081"),
    nats: read("NATS", "SIGNET_NATS_URL", "nats://127.0.0.1:4222"),
    runningNats: env.NATS_URL ? read("NATS", "NATS_URL", "") : undefined,
  };
}

/** `host:port`, as the command line takes it. */
export function address({ host, port }: Endpoint): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
