import { credentials } from "@grpc/grpc-js";
import { IssueTokenRequest, TokenServiceClient, VerifyTokenRequest } from "../src/gen/signet/v1/token.ts";
import type { Exchange } from "./exchanges.ts";

export type MethodName = "issue" | "verify";

export interface Method {
  readonly path: string;
  /** The first bytes of every right answer: the field `token`, or `valid: true`. */
  readonly expected: Buffer;
  /** gRPC messages to send in rotation to this server. */
  messages(address: string, exchange: Exchange): Promise<Buffer[]>;
}

/** So many that no server wins by remembering one token. */
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

/** Tokens of the server itself. Also the proof, by an ordinary client, that it answers with status 0. */
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

/** A message with the prefix of gRPC: not compressed, 4 bytes of length. */
function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}
