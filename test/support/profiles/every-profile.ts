import { SecretEncoding } from "../../../src/gen/signet/v1/keys.ts";
import type { Service } from "../service/service.ts";
import { foreignToken, forge, textsOf } from "../tokens/foreign-token.ts";
import { privateKeyIn } from "../tokens/secrets.ts";
import { type Dialect, dialect } from "./dialect.ts";

const encoding = SecretEncoding.SECRET_ENCODING_BASE64;
const IP = { context: { ip: "203.0.113.7" } };
const USER = { org_id: "1", project_id: "2", user_id: "3" };

/** A profile with a request that it accepts. */
interface Granting extends Dialect {
  readonly name: string;
  grant(): Promise<string>;
}

/** A profile with its key. */
export interface Known extends Granting {
  /** A token of any header and claims, signed with the profile's key as a program that stole it could. */
  sign(header: object | string, claims: object | string): string;
}

/**
 * All profiles that ship, of a service that keeps its state in a file. The secret, in base64, is imported for each
 * profile that uses imported secrets.
 */
export async function importEverywhere(
  service: Service,
  secret: string,
): Promise<Record<"service" | "euler" | "reactive" | "hivekit" | "shoplive" | "viasocket", Known>> {
  const known = (name: string, calls: Dialect, claims: Record<string, unknown>): Granting => ({
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
  const withSecret = (profile: Granting): Known => ({
    ...profile,
    sign: (header, claims) => foreignToken(header, claims, Buffer.from(secret, "base64")),
  });
  return {
    service: await withPrivateKey(profiles.service, service),
    euler: await withPrivateKey(profiles.euler, service),
    reactive: withSecret(profiles.reactive),
    hivekit: withSecret(profiles.hivekit),
    shoplive: withSecret(profiles.shoplive),
    viasocket: withSecret(profiles.viasocket),
  };
}

async function withPrivateKey(profile: Granting, { data }: Service): Promise<Known> {
  const { kid } = JSON.parse(textsOf(await profile.grant()).header);
  const key = await privateKeyIn(data, kid);
  return { ...profile, sign: (header, claims) => forge(header, claims, key) };
}
