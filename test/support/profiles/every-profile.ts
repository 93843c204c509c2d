import { SecretEncoding } from "../../../src/gen/signet/v1/keys.ts";
import type { Service } from "../service/service.ts";
import { type Dialect, dialect } from "./dialect.ts";

const encoding = SecretEncoding.SECRET_ENCODING_BASE64;
const IP = { context: { ip: "203.0.113.7" } };
const USER = { org_id: "1", project_id: "2", user_id: "3" };

/** A profile with a request that it accepts. */
export interface Known extends Dialect {
  readonly name: string;
  grant(): Promise<string>;
}

/** All profiles that ship. The secret, in base64, is imported for each profile that uses imported secrets. */
export async function importEverywhere(
  service: Service,
  secret: string,
): Promise<Record<"service" | "euler" | "reactive" | "hivekit" | "shoplive" | "viasocket", Known>> {
  const known = (name: string, calls: Dialect, claims: Record<string, unknown>): Known => ({
    ...calls,
    name,
    grant: async () => (await calls.issue(claims)).token,
  });
  const profiles = {
    service: known(
      "service",
      dialect(service, "service", { issue: { subject: "alice", audience: ["api"] }, verify: { audience: "api" } }),
      {},
    ),
    euler: known("euler-stream", dialect(service, "euler-stream", { verify: { context: { uniqueId: "c" } } }), {
      accountId: "a",
      expireAfter: 60,
      websockets: { allowedCreators: null, maxWebSockets: 1 },
    }),
    reactive: known(
      "reactive",
      dialect(service, "reactive", {
        encoding,
        issue: { clientIp: IP.context.ip },
        verify: { audience: "stream", ...IP },
      }),
      { stream_id: "stream", unique_user_identifier: "u" },
    ),
    hivekit: known("hivekit", dialect(service, "hivekit", { encoding, tenant: "acme" }), { sub: "u", allow_all: true }),
    shoplive: known("shoplive", dialect(service, "shoplive", { encoding }), { userId: "u" }),
    viasocket: known("viasocket", dialect(service, "viasocket", { encoding, verify: { context: USER } }), USER),
  };
  for (const { name, importSecret } of [profiles.reactive, profiles.hivekit, profiles.shoplive, profiles.viasocket])
    await importSecret(secret, { keyId: `of-${name}` });
  return profiles;
}
