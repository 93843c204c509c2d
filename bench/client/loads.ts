import { type JWK, jwtVerify } from "jose";
import {
  BatchIssueTokensRequest,
  type BatchIssueTokensResponse,
  IssueTokenRequest,
  TokenServiceClient,
  VerifyTokenRequest,
} from "../../src/gen/signet/v1/token.ts";
import type { OidcProvider } from "../servers/peers.ts";
import { CLIENT_OPTIONS, credentialsFor, type Endpoint } from "./endpoint.ts";
import { type Exchange, ofClient, SERVICE } from "./exchanges.ts";
import { framed, type Job } from "./job.ts";

/** What clients send to a server. */
export interface Load extends Pick<Job, "protocol" | "path" | "expected"> {
  /** How many tokens a call is about: what is measured is for each token. */
  readonly tokens: number;
  readonly connections: number;
  /** Calls in flight on each connection. */
  readonly streams: number;
  /**
   * The messages to send to this server in rotation, each with its prefix. An ordinary client has proven that the server
   * answers them as it should.
   */
  messages(server: Endpoint): Promise<Buffer[]>;
}

/** Enough tokens that a server gains nothing by caching one. */
export const DISTINCT_TOKENS = 512;
export const CONNECTIONS = 4;
export const STREAMS = 16;
/** The most that one call may ask for. */
const BATCH = 100;

const GRPC = { protocol: "grpc", connections: CONNECTIONS, streams: STREAMS } as const;

/** IssueToken. */
export function issuing(exchange: Exchange = SERVICE): Load {
  return {
    ...{ ...GRPC, path: "/signet.v1.TokenService/IssueToken", tokens: 1 },
    // The field `token`.
    expected: "0a",
    async messages(server) {
      await issueTokens(server, [exchange]);
      return clientsOf(exchange).map(({ issue }) => framed(IssueTokenRequest.encode(issue).finish()));
    },
  };
}

/** BatchIssueTokens, with fewer calls in flight: each waits for all of its tokens. */
export function issuingBatches({ issue }: Exchange = SERVICE): Load {
  const request = BatchIssueTokensRequest.fromPartial({ items: Array.from({ length: BATCH }, () => issue) });
  return {
    ...{ ...GRPC, streams: 1, path: "/signet.v1.TokenService/BatchIssueTokens", tokens: BATCH },
    // The field `results`.
    expected: "0a",
    async messages(server) {
      const { results } = await withClient(server, (client) =>
        answered<BatchIssueTokensResponse>((done) => client.batchIssueTokens(request, done)),
      );
      if (!results.every(({ result }) => result?.$case === "response")) throw new Error("a batch with an error");
      return [framed(BatchIssueTokensRequest.encode(request).finish())];
    },
  };
}

/** VerifyToken, of as many tokens in rotation as are issued first. */
export function verifying(exchange: Exchange = SERVICE): Load {
  return {
    ...{ ...GRPC, path: "/signet.v1.TokenService/VerifyToken", tokens: 1 },
    // `valid: true`
    expected: "0801",
    async messages(server) {
      const clients = clientsOf(exchange);
      const tokens = await issueTokens(server, clients);
      return clients.map(({ verify }, at) => framed(VerifyTokenRequest.encode(verify(tokens[at] ?? "")).finish()));
    },
  };
}

/** The grant `client_credentials` of a client that proves itself, with as many requests in flight as the others have. */
export function issuingByOidcProvider({ secret }: Pick<OidcProvider, "secret">): Load {
  const body = "grant_type=client_credentials";
  const authorization = `Basic ${Buffer.from(`${SERVICE.issue.subject}:${secret}`).toString("base64")}`;
  const type = "application/x-www-form-urlencoded";
  return {
    ...{ protocol: "http1", path: "/token", tokens: 1, connections: CONNECTIONS * STREAMS, streams: 1 },
    expected: Buffer.from("HTTP/1.1 200 OK\r\n").toString("hex"),
    async messages({ address }) {
      const headers = { authorization, "content-type": type };
      const response = await fetch(`http://${address}/token`, { method: "POST", headers, body });
      const { access_token: token } = (await response.json()) as { readonly access_token: string };
      await checkLikeness(address, token);
      const head = [
        "POST /token HTTP/1.1",
        `host: ${address}`,
        `authorization: ${authorization}`,
        `content-type: ${type}`,
        `content-length: ${body.length}`,
      ];
      return [framed(Buffer.from(`${head.join("\r\n")}\r\n\r\n${body}`))];
    },
  };
}

/** Throws unless the token has what one of the profile `service` has, and an Ed25519 signature. */
async function checkLikeness(address: string, token: string): Promise<void> {
  const response = await fetch(`http://${address}/jwks`);
  const { keys } = (await response.json()) as { readonly keys: readonly JWK[] };
  const { issuer, audience } = { issuer: "https://signet.example", audience: SERVICE.issue.audience };
  const requiredClaims = ["iss", "sub", "aud", "client_id", "iat", "exp", "jti"];
  await jwtVerify(token, { ...keys[0] }, { algorithms: ["EdDSA"], typ: "at+jwt", issuer, audience, requiredClaims });
}

function clientsOf(exchange: Exchange): Exchange[] {
  return Array.from({ length: DISTINCT_TOKENS }, (_, client) => ofClient(exchange, client));
}

function issueTokens(server: Endpoint, exchanges: readonly Exchange[]): Promise<string[]> {
  const issue = (client: TokenServiceClient, request: IssueTokenRequest) =>
    answered<{ readonly token: string }>((done) => client.issueToken(request, done));
  return withClient(server, async (client) => {
    const answers = await Promise.all(exchanges.map((exchange) => issue(client, exchange.issue)));
    return answers.map(({ token }) => token);
  });
}

async function withClient<Result>(server: Endpoint, use: (client: TokenServiceClient) => Promise<Result>) {
  const client = new TokenServiceClient(server.address, credentialsFor(server), CLIENT_OPTIONS);
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

function answered<Response>(call: (done: (error: Error | null, response: Response) => void) => unknown) {
  return new Promise<Response>((resolve, reject) => {
    call((error, response) => (error === null ? resolve(response) : reject(error)));
  });
}
