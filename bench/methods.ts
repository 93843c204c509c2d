import { credentials } from "@grpc/grpc-js";
import { IssueTokenRequest, TokenServiceClient, VerifyTokenRequest } from "../src/gen/signet/v1/token.ts";
import type { Exchange } from "./exchanges.ts";

export type MethodName = "issue" | "verify";

export interface Method {
  readonly path: string;
  /** The first bytes of every correct answer: the field `token`, or `valid: true`. */
  readonly expected: Buffer;
  /** The gRPC messages to send to this server in rotation. */
  messages(address: string, exchange: Exchange): Promise<Buffer[]>;
}

/** Enough tokens that a server gains nothing by caching one. */
export const DISTINCT_TOKENS = 512;

export const METHODS: Record<MethodName, Method> = {
  issue: {
    path: "/signet.v1.TokenService/IssueToken",
    expected: Buffer.from("0a", "hex"),
    messages: async (_, { issue }) => [framed(IssueTokenRequest.encode(issue).finish())],
  },
  verify: {
    path: "/signet.v1.TokenService/VerifyToken",
    expected: Buffer.from("0801", "hex"),
    messages: async (address, exchange) => {
      const tokens = await issueTokens(address, exchange.issue, DISTINCT_TOKENS);
      return tokens.map((token) => framed(VerifyTokenRequest.encode(exchange.verify(token)).finish()));
    },
  },
};

/** Issues tokens with an ordinary client, which also proves that the server answers with status 0. */
async function issueTokens(address: string, request: IssueTokenRequest, count: number): Promise<string[]> {
  const client = new TokenServiceClient(address, credentials.createInsecure());
  const issue = () =>
    new Promise<string>((resolve, reject) => {
      client.issueToken(request, (error, response) => (error ? reject(error) : resolve(response.token)));
    });
  try {
    return await Promise.all(Array.from({ length: count }, issue));
  } finally {
    client.close();
  }
}

/** Adds the gRPC prefix to a message: a zero byte (not compressed) and 4 bytes of length. */
function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}
