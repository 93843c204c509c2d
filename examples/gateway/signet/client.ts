import { readFileSync } from "node:fs";
import {
  type CallOptions,
  type ChannelCredentials,
  type Client,
  type ClientUnaryCall,
  credentials,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import { KeyServiceClient } from "../gen/signet/v1/keys.ts";
import { ProfileServiceClient } from "../gen/signet/v1/profiles.ts";
import { SessionServiceClient } from "../gen/signet/v1/session.ts";
import { TokenServiceClient } from "../gen/signet/v1/token.ts";

/** The deadline of a call that gives none. */
const ANSWER_MS = 5_000;

const CHANNEL = {
  // grpc-js waits up to two minutes before it connects again. A gateway must be back long before its lease lapses.
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 1_000,
  // A connection that a network dropped in silence is noticed within a lease.
  "grpc.keepalive_time_ms": 10_000,
  "grpc.keepalive_timeout_ms": 3_000,
};

/** The calls that a gateway or a backend makes. Each rejects with the ServiceError. */
export type Signet = ReturnType<typeof connectSignet>;

/**
 * Connects to Signet at SIGNET_ADDRESS. With SIGNET_CA the channel is TLS, and SIGNET_CERT with SIGNET_KEY proves the
 * caller; without, it is plaintext, which Signet allows on loopback alone.
 */
export function connectSignet(env: NodeJS.ProcessEnv) {
  const address = env.SIGNET_ADDRESS || "127.0.0.1:50051";
  const proof = channelCredentials(env);
  const tokens = new TokenServiceClient(address, proof, CHANNEL);
  const sessions = new SessionServiceClient(address, proof, CHANNEL);
  const profiles = new ProfileServiceClient(address, proof, CHANNEL);
  const keys = new KeyServiceClient(address, proof, CHANNEL);
  return {
    issueToken: unary(tokens, tokens.issueToken),
    verifyToken: unary(tokens, tokens.verifyToken),
    batchVerifyTokens: unary(tokens, tokens.batchVerifyTokens),
    revokeTokens: unary(tokens, tokens.revokeTokens),
    getProfile: unary(profiles, profiles.getProfile),
    importKey: unary(keys, keys.importKey),
    rotateKeys: unary(keys, keys.rotateKeys),
    openSession: unary(sessions, sessions.openSession),
    renewSessions: unary(sessions, sessions.renewSessions),
    closeSessions: unary(sessions, sessions.closeSessions),
    watchSessions: (gatewayId: string) => sessions.watchSessions({ gatewayId }),
    disconnect: () => {
      for (const client of [tokens, sessions, profiles, keys]) client.close();
    },
  };
}

function channelCredentials({ SIGNET_CA, SIGNET_CERT, SIGNET_KEY }: NodeJS.ProcessEnv): ChannelCredentials {
  if (!SIGNET_CA) return credentials.createInsecure();
  const read = (file: string | undefined) => (file ? readFileSync(file) : null);
  return credentials.createSsl(read(SIGNET_CA), read(SIGNET_KEY), read(SIGNET_CERT));
}

type UnaryMethod<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Response) => void,
) => ClientUnaryCall;

function unary<Request, Response>(client: Client, method: UnaryMethod<Request, Response>) {
  return (request: Request, atMostMs = ANSWER_MS): Promise<Response> =>
    new Promise((resolve, reject) => {
      const deadline = Date.now() + atMostMs;
      method.call(client, request, new Metadata(), { deadline }, (error, response) => {
        if (error === null) resolve(response);
        else reject(error);
      });
    });
}
