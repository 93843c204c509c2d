import test from "ava";
import { compileProfile } from "../../../src/profile/compile/compile.ts";
import { formatFault } from "../../../src/schema/fault.ts";
import { profileOf } from "../../support/profiles/profiles.ts";

/** The text of a profile whose tokens are credentials, with these keys changed; undefined leaves one out. */
function robot(changes: Readonly<Record<string, string | undefined>> = {}): string {
  const keys = {
    profile: "robot",
    credential: "true",
    header: "{ typ: robot+jwt }",
    keys: "{ keyset: robot, algorithm: EdDSA }",
    lifetime: "{ exp: required, default: 5m, max: 24h }",
    request: "{ type: object, additionalProperties: false }",
    claims:
      "[{ name: iss, from: issuer }, { name: sub, from: subject }, { name: aud, value: signet }, { name: exp, from: expires_at }]",
    accept: "{ type: object }",
    ...changes,
  };
  return Object.entries(keys)
    .flatMap(([key, value]) => (value === undefined ? [] : [`${key}: ${value}`]))
    .join("\n");
}

function faults(text: string): string[] {
  const found = compileProfile(text, "robot.yaml", "https://i");
  return Array.isArray(found) ? found.map((fault) => formatFault(fault).replace(/^robot\.yaml:\d+ /, "")) : [];
}

test("a marked profile has the audience that its tokens are verified for", (t) => {
  t.deepEqual(profileOf(robot()).credential, { audience: "signet" });
  t.is(profileOf(robot({ credential: undefined })).credential, undefined);
  t.is(profileOf(robot({ credential: "false", header: "{ typ: JWT }" })).credential, undefined);
});

const OTHER_CLAIMS = "[{ name: iss, from: issuer }, { name: exp, from: expires_at }";
const CLAIMS = `${OTHER_CLAIMS}, { name: sub, from: subject }, { name: aud, value: signet }`;

for (const [what, changes, expected] of [
  [
    "imported keys, which others have too",
    { keys: "{ imported: HS256, encoding: hex }" },
    "keys: must be a keyset, whose keys nobody else has, where credential is true",
  ],
  [
    "no issuer",
    { issuer: "none", claims: CLAIMS.replace("{ name: iss, from: issuer }, ", "").concat("]") },
    "issuer: must not be none where credential is true",
  ],
  [
    "tenants",
    { tenant: "{ claim: t }", claims: `${CLAIMS}, { name: t, from: tenant }]` },
    "tenant: must be absent, because a caller has no tenant, where credential is true",
  ],
  ["no typ", { header: "{}" }, "header.typ: must be a type of its own where credential is true"],
  [
    "the typ of any token",
    { header: "{ typ: application/jwt }" },
    "header.typ: must be a type of its own where credential is true",
  ],
  [
    "the typ of access tokens",
    { header: "{ typ: AT+JWT }" },
    "header.typ: must be a type of its own where credential is true",
  ],
  [
    "a token that need not expire",
    { lifetime: "{ exp: optional, max: 1h, max_age: 1h }", claims: `${CLAIMS}, { name: iat, from: issued_at }]` },
    "lifetime.exp: must be required where credential is true",
  ],
  [
    "a lifetime of more than a day",
    { lifetime: "{ exp: required, default: 5m, max: 86401s }" },
    "lifetime.max: must be at most 24h where credential is true",
  ],
  [
    "an extended lifetime of more than a day",
    {
      lifetime: "{ exp: required, default: 5m, max: 1h, extended: { by: long, max: 2d } }",
      request: "{ type: object, properties: { long: { type: boolean } } }",
    },
    "lifetime.extended.max: must be at most 24h where credential is true",
  ],
  [
    "one-time use",
    { one_time: "true" },
    "one_time: must be false, because each call shows the token again, where credential is true",
  ],
  [
    "a context",
    { context: "{ type: object, additionalProperties: false }" },
    "context: must be absent, because a call has none, where credential is true",
  ],
  [
    "a subject that the policy does not limit",
    {
      request: "{ type: object, properties: { user: { type: string } } }",
      claims: `${OTHER_CLAIMS}, { name: sub, from: request.user }, { name: aud, value: signet }]`,
    },
    "claims: must include { name: sub, from: subject } where credential is true",
  ],
  [
    "a subject that may be empty",
    { subject: "{ claim: sub, may_be_empty: true }" },
    "subject.may_be_empty: must be false where credential is true",
  ],
  [
    "an audience that the caller chooses",
    { claims: `${OTHER_CLAIMS}, { name: sub, from: subject }, { name: aud, from: audience }]` },
    "claims: must include { name: aud, value: TEXT }, an audience that no caller chooses, where credential is true",
  ],
] as const)
  test(`a credential can't have ${what}`, (t) => {
    t.deepEqual(faults(robot(changes)), [expected]);
    t.deepEqual(faults(robot({ ...changes, credential: "false" })), [], "the same is allowed without the mark");
  });
