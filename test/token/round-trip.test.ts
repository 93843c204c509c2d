import test from "ava";
import { Problem } from "../../src/problem/problem.ts";
import type { Profile } from "../../src/profile/model/profile.ts";
import type { IssueRequest } from "../../src/token/issue/request.ts";
import { verifyToken } from "../../src/token/verify/verify.ts";
import { rejectedViolations } from "../support/problems.ts";
import { profileOf, shippedProfile } from "../support/profiles/profiles.ts";
import { tinyProfile } from "../support/profiles/tiny-profile.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { testKey } from "../support/tokens/foreign-token.ts";
import { EMPTY, issuingUnderTest, NOW, seconds } from "../support/tokens/issuing-under-test.ts";
import { UNREVOKED } from "../support/tokens/no-revocations.ts";
import { oneKey, oneSecret } from "../support/tokens/token-keys.ts";

type Draw = (from: number, to: number) => number;

/** A request that is issued, with the most that each profile takes. */
const WHOLE: Readonly<Record<string, Partial<IssueRequest>>> = {
  service: {
    subject: "alice",
    audience: ["api"],
    ttl: seconds(60),
    claims: { scope: "a b", auth_time: 1, roles: ["r"], plan: { z: [1, null, { a: true }], é: "ü" } },
  },
  "euler-stream": {
    claims: {
      accountId: "acc",
      expireAfter: 60,
      websockets: { allowedCreators: ["a"], maxWebSockets: 1 },
      limits: { minute: 1, hour: 2, day: 3 },
      name: "n",
    },
  },
  reactive: {
    clientIp: "::ffff:203.0.113.7",
    ttl: seconds(600),
    claims: { stream_id: "s", unique_user_identifier: "u" },
  },
  hivekit: {
    tenant: "acme",
    ttl: seconds(31_536_000),
    claims: { sub: "s", per: { "*": { "a/*": "CRUD" } }, dpv: { london: ["x"] }, static: true },
  },
  shoplive: {
    ttl: seconds(60),
    claims: {
      userId: "u",
      name: "n",
      gender: "f",
      age: 15,
      custom: { b: 1, a: [2] },
      userScore: -100,
      userType: "VIP",
      profile: "https://a.example/p.png",
    },
  },
  viasocket: { ttl: seconds(60), claims: { org_id: "8069", project_id: "p", user_id: "u" } },
};

const VALUES: readonly unknown[] = [
  ...["", "x", "é".repeat(300), "a\0", "\ud800", "60", "CRUDPS", "https://x"],
  ...[0, -1, 1, 1.5, 100, 7200, 2 ** 53, 1e9, Number.NaN, Number.POSITIVE_INFINITY, true, false, null, undefined],
  ...[[], [""], ["a", "b"], [null], {}, { a: {} }, { "*": { x: "R" } }, { allowedCreators: null, maxWebSockets: 7 }],
  JSON.parse('{ "__proto__": 1 }'),
  ...["__proto__", "constructor", "prototype", "toString"],
];
const NAMES = [
  "iss",
  "exp",
  "jti",
  "x",
  "allow_all",
  "2",
  "1",
  "constructor",
  "aud",
  "nbf",
  "custom",
  "per",
  "size",
  "proprietor",
];

/** The whole request with a few things left out, replaced or added. */
function drawRequest(whole: Partial<IssueRequest>, draw: Draw): IssueRequest {
  const claims = { ...whole.claims };
  for (const name of Object.keys(claims)) {
    const dice = draw(0, 20);
    if (dice === 0) delete claims[name];
    if (dice === 1) claims[name] = VALUES[draw(0, VALUES.length)];
  }
  if (draw(0, 8) === 0) claims[NAMES[draw(0, NAMES.length)] ?? ""] = VALUES[draw(0, VALUES.length)];
  const request: IssueRequest = { ...EMPTY, ...whole, claims };
  switch (draw(0, 16)) {
    case 0:
      return { ...request, ttl: undefined };
    case 1:
      return { ...request, ttl: { seconds: BigInt(draw(-1, 40_000_000)), nanos: 0 } };
    case 2:
      return { ...request, tenant: "" };
    case 3:
      return { ...request, subject: String(VALUES[draw(0, 6)]) };
    case 4:
      return { ...request, clientIp: "2001:db8::1" };
    default:
      return request;
  }
}

/**
 * What depends on what the client wants to do: the only reasons for which a token that was just issued is not valid.
 */
const RULES = ["NOT_PERMITTED", "CONTEXT_INVALID"];

/** A profile whose claims come from names and values that a caller chooses. */
const OPEN = profileOf(
  tinyProfile({
    4: "request: { type: object, required: [kind], properties: { kind: { type: string } } }",
    5: 'claims:\n  - { name: owner, from: request.owner }\n  - { name: by, cel: "{request.kind: [request.kind]}" }\n  - { rest: request }',
    8: "accept: { type: object, required: [owner], properties: { owner: { type: string }, size: { type: number } } }",
    9: "aliases: { owner: [proprietor] }",
  }),
);
const OPEN_REQUEST = { claims: { owner: "o", kind: "k", size: 1 } };

for (const [name, whole, profile] of [
  ...Object.entries(WHOLE).map(([name, whole]) => [name, whole, shippedProfile(name)] as const),
  ["a profile of open claims", OPEN_REQUEST, OPEN] as const,
])
  test(`${name}: whatever is asked, either every bad field is named or the token is one that the profile accepts`, async (t) => {
    const draw = seededRandom(t);
    const keys = profile.keys.kind === "imported" ? oneSecret(testKey(name)) : oneKey().keys;
    const { issue } = issuingUnderTest(profile, () => keys);
    const outcomes = { issued: 0, refused: 0 };
    for (let i = 0; i < 2_000; i += 1) {
      const request = drawRequest(whole, draw);
      const token = await issue(request).then(
        (issued) => issued.token,
        (error: unknown) => {
          if (error instanceof Problem && error.code === "INVALID_REQUEST" && error.violations.length > 0) return;
          throw error;
        },
      );
      outcomes[token === undefined ? "refused" : "issued"] += 1;
      if (token !== undefined) t.is(reasonAgainst(token, request, profile), undefined, JSON.stringify(request.claims));
    }
    t.true(outcomes.issued > 200 && outcomes.refused > 200, JSON.stringify(outcomes));

    function reasonAgainst(token: string, { tenant }: IssueRequest, profile: Profile): string | undefined {
      const context = { ip: "203.0.113.7" };
      const aud = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()).aud;
      const audience = profile.hasAudience ? aud : "";
      const presented = { token, maxLength: profile.maxTokenLength };
      const expected = { profile, keys, tenant, audience, context, now: NOW, at: NOW, ...UNREVOKED };
      const verdict = verifyToken(presented, expected);
      if (verdict.valid) return undefined;
      const { reason, message } = verdict.rejection;
      return RULES.includes(reason) ? undefined : `${reason}: ${message}`;
    }
  });

test("what the service reads as another claim is not set by a caller", async (t) => {
  const { issue } = issuingUnderTest(OPEN, () => oneKey().keys);
  t.deepEqual(await rejectedViolations(issue({ claims: { kind: "k", proprietor: "p" } })), {
    "claims.proprietor": "is set only by the service",
  });
});
