import { IssueTokenRequest, type IssueTokenResponse } from "../gen/signet/v1/token.ts";
import type { Signet } from "../signet/client.ts";

/** Who asks the backend for a token. */
export interface Visitor {
  readonly ip: string;
  /** What the page asks for. A real backend would know it from the login of its user. */
  readonly wishes: Readonly<Record<string, unknown>>;
}

type Provision = (visitor: Visitor, tenant: string) => Partial<IssueTokenRequest>;

const text = (value: unknown, preset: string) => (typeof value === "string" && value !== "" ? value : preset);

/** For each vendor the request that its page shows, with the least that the visitor needs. */
const PROVISIONS: Readonly<Record<string, Provision>> = {
  // createJWT(accountId, { expireAfter: 60, websockets: { allowedCreators: [uniqueId], maxWebSockets: 1 } })
  "euler-stream": ({ wishes }) => ({
    claims: {
      accountId: "account-42",
      expireAfter: wishes.expireAfter ?? 60,
      websockets: { allowedCreators: [text(wishes.uniqueId, "tv_asahi_news")], maxWebSockets: 1 },
    },
  }),
  // POST /api/v1/token { stream_id, unique_user_identifier }
  reactive: ({ ip, wishes }) => ({
    clientIp: ip,
    claims: {
      stream_id: text(wishes.stream_id, "6935357a-8d71-45f2-9a0f-ddaed705b43a"),
      unique_user_identifier: text(wishes.unique_user_identifier, "AB35457a-8d71-45f2-BE2F-ddaed705b43a"),
    },
    ttl: { seconds: 600n, nanos: 0 },
  }),
  // A token of your own, with permissions and data provider patterns.
  hivekit: (_, tenant) => ({
    tenant,
    claims: {
      sub: "johndoe-123",
      per: { london: { "deliveryRiders/*": "R", "deliveryRiders/johndoe-123": "CU" } },
      dpv: { london: ["deliveryRiders/johndoe-123"] },
    },
    ttl: { seconds: 3_600n, nanos: 0 },
  }),
  // The payload of the sample code.
  shoplive: ({ wishes }) => ({
    claims: {
      userId: "sample_user_id",
      name: "my_nickname",
      gender: "f",
      age: 25,
      userScore: 34,
      userType: text(wishes.userType, "VIP"),
    },
  }),
  // { org_id, project_id, user_id }
  viasocket: () => ({
    claims: { org_id: "8069", project_id: "projmdFTEvPR", user_id: "unique_user_id" },
  }),
};

/** The vendors for which this backend provisions tokens. */
export const VENDORS = Object.keys(PROVISIONS);

/** Issues a token of a vendor for a visitor. Rejects with the ServiceError. */
export function provision(
  signet: Pick<Signet, "issueToken">,
  profile: string,
  visitor: Visitor,
  tenant: string,
): Promise<IssueTokenResponse> {
  const request = PROVISIONS[profile]?.(visitor, tenant);
  return signet.issueToken(IssueTokenRequest.fromPartial({ ...request, profile }));
}
