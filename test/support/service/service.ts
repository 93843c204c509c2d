import { setTimeout as pause } from "node:timers/promises";
import { credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { type App, startApp } from "../../../src/app/app.ts";
import type { Surroundings } from "../../../src/app/run.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { KeyServiceClient, type ListKeysResponse } from "../../../src/gen/signet/v1/keys.ts";
import {
  IssueTokenRequest,
  type IssueTokenResponse,
  TokenServiceClient,
  VerifyTokenRequest,
  type VerifyTokenResponse,
} from "../../../src/gen/signet/v1/token.ts";
import { type KeyPolicy, keyPolicy } from "../../../src/keys/rotating/policy.ts";
import { bounded } from "../bounded.ts";
import { tempFolder } from "../files/temp.ts";
import { recordData, recordError, recordedLog, recordMessage, recordMetrics } from "../leaks/service.ts";
import type { Ending } from "./shared.ts";

/** The environment of a service under test: random loopback ports, a data folder, no NATS, no log. */
export function testEnv(data: string, env: Record<string, string> = {}): Record<string, string> {
  return {
    SIGNET_DATA: data,
    SIGNET_GRPC_ADDRESS: "127.0.0.1:0",
    SIGNET_HTTP_ADDRESS: "127.0.0.1:0",
    SIGNET_NATS_URL: "",
    SIGNET_LOG_LEVEL: "silent",
    ...env,
  };
}

/** What a process under test keeps of the environment of its test: the programs, and the cache of compiled sources. */
export function processEnv(): NodeJS.ProcessEnv {
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  return { PATH, NODE_COMPILE_CACHE };
}

/**
 * A ring that turns in seconds, with tokens of up to 70 s (their leeway is 60 s): every bound holds. No configuration
 * may have it, because the profiles that ship issue tokens for hours.
 */
export const FAST_ROTATION = keyPolicy({
  period: 3_000,
  verifierCache: 1_000,
  propagation: 100,
  stopUsing: 100,
  skew: 100,
  activationDelay: 500,
  maxTtl: 70_000,
});

export interface Service {
  readonly app: App;
  readonly data: string;
  /** The base URL of the HTTP endpoint. */
  readonly url: string;
  readonly tokens: TokenServiceClient;
  readonly keys: KeyServiceClient;
}

/**
 * Starts the service in the process of the test, and stops it after the test. `env` overrides the configuration, which
 * is that of `file`, or the default.
 */
export async function startService(
  t: Ending,
  options: {
    env?: Record<string, string>;
    file?: string;
    data?: string;
    /** Replaces the policy in the configuration. */
    policy?: KeyPolicy;
    surroundings?: Partial<Surroundings>;
  } = {},
): Promise<Service> {
  const data = options.data ?? (await tempFolder(t));
  const config = loadConfig({ env: testEnv(data, options.env), ...(options.file && { file: options.file }) });
  const keysets = config.keysets.map((keyset) => ({ ...keyset, policy: options.policy ?? keyset.policy }));
  const log = recordedLog(options.surroundings?.log);
  const app = await startApp({ ...config, keysets }, { ...options.surroundings, ...(log && { log }) });
  const url = `http://${app.addresses.http}`;
  const tokens = new TokenServiceClient(app.addresses.grpc, credentials.createInsecure());
  const keys = new KeyServiceClient(app.addresses.grpc, credentials.createInsecure());
  t.teardown(async () => {
    for (const client of [tokens, keys]) client.close();
    await recordMetrics(`http://${app.addresses.internal ?? app.addresses.http}`);
    await app.stop("SIGTERM");
    await recordData(data, config.kek.file);
  });
  return { app, data, url, tokens, keys };
}

/** Issues one token, by default for `alice` and `api`. Rejects with the ServiceError. */
export function issue(
  { tokens }: Pick<Service, "tokens">,
  request: Partial<IssueTokenRequest> = {},
): Promise<IssueTokenResponse> {
  const whole = IssueTokenRequest.fromPartial({ profile: "service", subject: "alice", audience: ["api"], ...request });
  return promised(tokens.issueToken.bind(tokens), whole);
}

/** How often a verification is made again that needs the store, and a second before each. */
const AGAIN = 10;

/**
 * Verifies one token, by default for `api`. Rejects with the ServiceError. Where the store was not read in time for a kid
 * that is unknown, the answer says to ask again: on a busy machine that happens.
 */
export function verify(
  service: Pick<Service, "tokens">,
  token: string,
  request: Partial<VerifyTokenRequest> = {},
): Promise<VerifyTokenResponse> {
  return onceRead(() => verifyOnce(service, token, request));
}

/** As {@link verify}, with one call. */
export function verifyOnce(
  { tokens }: Pick<Service, "tokens">,
  token: string,
  request: Partial<VerifyTokenRequest> = {},
): Promise<VerifyTokenResponse> {
  const credential = { $case: "token", value: token } as const;
  const whole = VerifyTokenRequest.fromPartial({ profile: "service", audience: "api", credential, ...request });
  return promised(tokens.verifyToken.bind(tokens), whole);
}

/** Makes a call again whose token has a kid that is unknown while the store could not be read in time. */
export async function onceRead<Answer>(call: () => Promise<Answer>): Promise<Answer> {
  for (let again = 0; ; again++) {
    try {
      return await call();
    } catch (error) {
      const { details = "" } = error as ServiceError;
      if (!details.includes("is unknown here, and the key store can't be read, or not in time") || again === AGAIN)
        throw error;
      await pause(1_000);
    }
  }
}

export function listKeys({ keys }: Service, keyset = ""): Promise<ListKeysResponse> {
  return promised(keys.listKeys.bind(keys), { keyset });
}

type Unary<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: { deadline: number },
  callback: (error: ServiceError | null, response: Response) => void,
) => unknown;

/** Makes one call. Rejects with the ServiceError. */
export function promised<Request, Response>(method: Unary<Request, Response>, request: Request): Promise<Response> {
  recordMessage(request);
  return new Promise((resolve, reject) => {
    method(request, new Metadata(), bounded(), (error, response) => {
      if (error) {
        recordError(error);
        reject(error);
      } else {
        recordMessage(response);
        resolve(response);
      }
    });
  });
}
