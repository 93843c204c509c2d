import { credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import type { ExecutionContext } from "ava";
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
import { tempFolder } from "../files/temp.ts";

/** A configuration for tests: random loopback ports, a data folder of its own, no NATS, and silence. */
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

/**
 * A ring that turns in seconds, with tokens of up to 70 s (their leeway is 60 s): every bound holds. No configuration may have it, because the
 * profiles that ship issue tokens for hours.
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
  /** Of the HTTP side. */
  readonly url: string;
  readonly tokens: TokenServiceClient;
  readonly keys: KeyServiceClient;
}

/** The service in the test's own process, stopped when the test is over. Keys of `env` are configuration overrides. */
export async function startService(
  t: ExecutionContext<unknown>,
  options: {
    env?: Record<string, string>;
    data?: string;
    /** In the place of what the configuration says. */
    policy?: KeyPolicy;
    surroundings?: Partial<Surroundings>;
  } = {},
): Promise<Service> {
  const data = options.data ?? (await tempFolder(t));
  const config = loadConfig({ env: testEnv(data, options.env) });
  const keysets = config.keysets.map((keyset) => ({ ...keyset, policy: options.policy ?? keyset.policy }));
  const app = await startApp({ ...config, keysets }, options.surroundings);
  const tokens = new TokenServiceClient(app.addresses.grpc, credentials.createInsecure());
  const keys = new KeyServiceClient(app.addresses.grpc, credentials.createInsecure());
  t.teardown(async () => {
    for (const client of [tokens, keys]) client.close();
    await app.stop("SIGTERM");
  });
  return { app, data, url: `http://${app.addresses.http}`, tokens, keys };
}

/** Issues one token for `alice` and `api` unless told otherwise. Rejects with the ServiceError. */
export function issue(
  { tokens }: Pick<Service, "tokens">,
  request: Partial<IssueTokenRequest> = {},
): Promise<IssueTokenResponse> {
  const whole = IssueTokenRequest.fromPartial({ profile: "service", subject: "alice", audience: ["api"], ...request });
  return promised(tokens.issueToken.bind(tokens), whole);
}

/** Verifies one token for `api` unless told otherwise. Rejects with the ServiceError. */
export function verify(
  { tokens }: Pick<Service, "tokens">,
  token: string,
  request: Partial<VerifyTokenRequest> = {},
): Promise<VerifyTokenResponse> {
  const credential = { $case: "token", value: token } as const;
  const whole = VerifyTokenRequest.fromPartial({ profile: "service", audience: "api", credential, ...request });
  return promised(tokens.verifyToken.bind(tokens), whole);
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

/** A call with a deadline of 10 s. */
export function promised<Request, Response>(method: Unary<Request, Response>, request: Request): Promise<Response> {
  return new Promise((resolve, reject) => {
    method(request, new Metadata(), { deadline: Date.now() + 10_000 }, (error, response) =>
      error ? reject(error) : resolve(response),
    );
  });
}
