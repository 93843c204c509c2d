import { randomBytes } from "node:crypto";
import { credentials } from "@grpc/grpc-js";
import { ImportKeyRequest, KeyServiceClient, SecretEncoding } from "../../src/gen/signet/v1/keys.ts";
import { IssueTokenRequest, VerifyTokenRequest } from "../../src/gen/signet/v1/token.ts";

/** The requests that a server gets under one profile. */
export interface Exchange {
  readonly issue: IssueTokenRequest;
  /** The request to verify a token from `issue`. */
  verify(token: string): VerifyTokenRequest;
}

/** The exchange that every server can answer. */
export const SERVICE = exchange(
  "service",
  { subject: "user-1234567890", audience: ["https://api.example"] },
  { audience: "https://api.example" },
);

/** One exchange for each profile that ships, as large as the vendor's own examples. */
export const EXCHANGES: Readonly<Record<string, Exchange>> = {
  service: SERVICE,
  "euler-stream": exchange(
    "euler-stream",
    {
      claims: {
        accountId: "account-1",
        expireAfter: 600,
        websockets: { allowedCreators: ["tv_asahi_news"], maxWebSockets: 1 },
      },
    },
    { context: { uniqueId: "@tv_asahi_news" } },
  ),
  reactive: exchange(
    "reactive",
    {
      clientIp: "104.162.97.28",
      claims: {
        stream_id: "6935357a-8d71-45f2-9a0f-ddaed705b43a",
        unique_user_identifier: "AB35457a-8d71-45f2-BE2F-ddaed705b43a",
      },
    },
    { audience: "6935357a-8d71-45f2-9a0f-ddaed705b43a", context: { ip: "104.162.97.28" } },
  ),
  hivekit: exchange(
    "hivekit",
    {
      tenant: "uubIIFwn-MVWPqyd9rpXWL",
      claims: { sub: "service", per: { london: { "deliveryRiders/*": "R", "deliveryRiders/johndoe-123": "CU" } } },
    },
    {
      tenant: "uubIIFwn-MVWPqyd9rpXWL",
      context: { realm: "london", id: "deliveryRiders/johndoe-123", operation: "U" },
    },
  ),
  shoplive: exchange(
    "shoplive",
    { claims: { userId: "sample_user_id", name: "my_nickname", gender: "f", age: 15, userType: "VIP" } },
    { context: { user_types: ["VIP"] } },
  ),
  viasocket: exchange(
    "viasocket",
    { claims: { org_id: "8069", project_id: "projmdFTEvPR", user_id: "peHQc" } },
    { context: { org_id: "8069", project_id: "projmdFTEvPR", user_id: "peHQc" } },
  ),
};

/** The exchange of one of many clients: a profile may limit how often one address gets a token. */
export function ofClient({ issue, verify }: Exchange, client: number): Exchange {
  if (issue.clientIp === "") return { issue, verify };
  const ip = `10.0.${client >> 8}.${client & 255}`;
  return {
    issue: { ...issue, clientIp: ip },
    verify: (token) => ({ ...verify(token), context: { ip } }),
  };
}

/** Imports a secret for each profile that uses imported secrets. */
export async function importSecrets(address: string): Promise<void> {
  const client = new KeyServiceClient(address, credentials.createInsecure());
  try {
    for (const [profile, tenant] of [
      ["reactive", ""],
      ["hivekit", EXCHANGES.hivekit?.issue.tenant ?? ""],
      ["shoplive", ""],
      ["viasocket", ""],
    ] as const) {
      const secret = randomBytes(32).toString("hex");
      const encoding = SecretEncoding.SECRET_ENCODING_HEX;
      await new Promise<void>((resolve, reject) => {
        const request = ImportKeyRequest.fromPartial({ profile, tenant, secret, encoding });
        client.importKey(request, (error) => (error ? reject(error) : resolve()));
      });
    }
  } finally {
    client.close();
  }
}

function exchange(profile: string, issue: Partial<IssueTokenRequest>, verify: Partial<VerifyTokenRequest>): Exchange {
  return {
    issue: { ...IssueTokenRequest.fromPartial({ profile }), ...issue },
    verify: (token) => ({
      ...VerifyTokenRequest.fromPartial({ profile, credential: { $case: "token", value: token } }),
      ...verify,
    }),
  };
}
