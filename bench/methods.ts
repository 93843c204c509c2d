import { credentials } from "@grpc/grpc-js";
import { IssueTokenRequest, TokenServiceClient, VerifyTokenRequest } from "../src/gen/signet/v1/token.ts";

export type MethodName = "issue" | "verify";

export interface Method {
  readonly path: string;
  /** The first bytes of every right answer: the field `token`, or `valid: true`. */
  readonly expected: Buffer;
  /** gRPC messages to send in rotation to this server. */
  messages(address: string): Promise<Buffer[]>;
}

/** So many that no server wins by remembering one token. */
export const DISTINCT_TOKENS = 512;

const REQUEST: IssueTokenRequest = {
  profile: "service",
  subject: "user-1234567890",
  audience: ["https://api.example"],
  ttl: undefined,
  claims: undefined,
};

export const METHODS: Record<MethodName, Method> = {
  issue: {
    path: "/signet.v1.TokenService/IssueToken",
    expected: Buffer.from("0a", "hex"),
    messages: async () => [framed(IssueTokenRequest.encode(REQUEST).finish())],
  },
  verify: {
    path: "/signet.v1.TokenService/VerifyToken",
    expected: Buffer.from("0801", "hex"),
    messages: async (address) => (await issueTokens(address, DISTINCT_TOKENS)).map(verifyMessage),
  },
};

/** Tokens of the server itself. Also the proof, by an ordinary client, that it answers with status 0. */
async function issueTokens(address: string, count: number): Promise<string[]> {
  const client = new TokenServiceClient(address, credentials.createInsecure());
  const issue = () =>
    new Promise<string>((resolve, reject) => {
      client.issueToken(REQUEST, (error, response) => (error ? reject(error) : resolve(response.token)));
    });
  try {
    return await Promise.all(Array.from({ length: count }, issue));
  } finally {
    client.close();
  }
}

function verifyMessage(token: string): Buffer {
  const [audience = ""] = REQUEST.audience;
  const request: VerifyTokenRequest = { credential: { $case: "token", value: token }, profile: "service", audience };
  return framed(VerifyTokenRequest.encode(request).finish());
}

/** A message with the prefix of gRPC: not compressed, 4 bytes of length. */
function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}
