import test from "ava";
import type { CarrierRule } from "../../../src/profile/model/delivery.ts";
import { type Carrier, findToken } from "../../../src/token/verify/carriers.ts";
import { profileOf } from "../../support/profiles/profiles.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { foreignToken } from "../../support/tokens/foreign-token.ts";
import { mutateToken, randomBytes } from "../../support/tokens/mutate-token.ts";
import { secretKeys } from "../../support/tokens/secret-keys.ts";
import { carried, NOW, reasonOf, verifyingUnderTest } from "../../support/tokens/verifying-under-test.ts";

const BEARER: CarrierRule = {
  in: "header",
  name: "authorization",
  scheme: "Bearer",
  schemeOptional: false,
  maxLength: 100,
  optional: false,
};
const RULES: readonly CarrierRule[] = [
  BEARER,
  { in: "header", name: "x-key", scheme: undefined, schemeOptional: false, maxLength: 90, optional: false },
  { in: "query", name: "token", maxLength: 80, optional: false },
  { in: "cookie", name: "session", maxLength: 70, optional: false },
  { in: "body", name: "token", maxLength: 60, optional: false },
  { in: "frame", prefix: "Bearer ", maxLength: 50, optional: false },
];

const header = (...values: string[]) => ({ headers: values.map((value) => ({ name: "Authorization", value })) });
const query = (...values: string[]) => ({ query: values.map((value) => ({ name: "token", value })) });
const frame = (text: string) => ({ frame: Buffer.from(text) });

function found(parts: Partial<Carrier>, rules = RULES): string {
  const step = findToken(carried(parts), rules);
  return step.rejection ? step.rejection.reason : `${step.ok.token} of ${step.ok.maxLength}`;
}

const cases: readonly [title: string, parts: Partial<Carrier>, expected: string][] = [
  ["a scheme and a token", header("Bearer abc"), "abc of 100"],
  ["a scheme in another case", header("bEARER abc"), "abc of 100"],
  ["several spaces behind the scheme", header("Bearer   abc"), "abc of 100"],
  ["the name of a header in any case", { headers: [{ name: "X-KEY", value: "abc" }] }, "abc of 90"],
  ["a query parameter", query("abc"), "abc of 80"],
  ["a cookie", { cookies: [{ name: "session", value: "abc" }] }, "abc of 70"],
  ["a property of the body", { body: [{ name: "token", value: "abc" }] }, "abc of 60"],
  ["a frame", frame("Bearer abc"), "abc of 50"],
  [
    "equal tokens in two places, which has the limit of the smaller",
    { ...header("Bearer a"), ...query("a") },
    "a of 80",
  ],
  ["a token beside the header of another scheme", { ...header("Basic abc"), ...query("abc") }, "abc of 80"],
  ["nothing", {}, "CARRIER_MISSING"],
  ["another scheme", header("Token abc"), "CARRIER_MISSING"],
  ["a scheme that only begins so", header("Bearerabc"), "CARRIER_MISSING"],
  ["a tab behind the scheme", header("Bearer\tabc"), "CARRIER_MISSING"],
  ["no scheme", header("abc"), "CARRIER_MISSING"],
  ["a scheme without a token", header("Bearer "), "CARRIER_MISSING"],
  ["an empty value", query(""), "CARRIER_MISSING"],
  ["the name of a query parameter in another case", { query: [{ name: "Token", value: "a" }] }, "CARRIER_MISSING"],
  ["a frame that does not begin with the prefix", frame('{"token":"abc"}'), "CARRIER_MISSING"],
  ["a frame with the prefix in another case", frame("bearer abc"), "CARRIER_MISSING"],
  ["a frame of the prefix alone", frame("Bearer "), "CARRIER_MISSING"],
  ["two headers", header("Bearer abc", "Bearer def"), "CARRIER_CONFLICT"],
  ["two equal headers", header("Bearer abc", "Bearer abc"), "CARRIER_CONFLICT"],
  ["two headers, one of another scheme", header("Basic abc", "Bearer abc"), "CARRIER_CONFLICT"],
  ["a parameter twice, once empty", query("", "abc"), "CARRIER_CONFLICT"],
  ["different tokens in two places", { ...header("Bearer abc"), ...query("def") }, "CARRIER_CONFLICT"],
  ["different tokens in a frame and a header", { ...header("Bearer abc"), ...frame("Bearer d") }, "CARRIER_CONFLICT"],
];

for (const [title, parts, expected] of cases)
  test(`${title}: ${expected}`, (t) => {
    t.is(found(parts), expected);
  });

test("an optional scheme is removed, and a value without one is the token itself", (t) => {
  const rules = [{ ...BEARER, schemeOptional: true }];
  t.is(found(header("bearer abc"), rules), "abc of 100");
  t.is(found(header("abc"), rules), "abc of 100");
  t.is(found(header("Token abc"), rules), "Token abc of 100");
  t.is(found(header(""), rules), "CARRIER_MISSING");
});

test("places that the profile does not name are not looked at", (t) => {
  t.is(found({ ...header("Bearer abc"), ...query("def") }, [BEARER]), "abc of 100");
});

test("a message names the places and nothing of what was there", (t) => {
  const missing = findToken(carried(header("Token secret-value")), RULES).rejection;
  t.is(
    missing?.message,
    "no token in the header authorization, the header x-key, the query parameter token, the cookie session, " +
      "the body property token, the first frame",
  );
  const conflict = findToken(carried(query("secret-value", "secret-value")), RULES).rejection;
  t.is(conflict?.message, "the query parameter token occurs more than once");
});

const PROFILE = `
profile: everywhere
issuer: none
header: { kid: absent }
keys: { imported: HS256, encoding: utf8 }
lifetime: { exp: required, default: 5m, max: 1h }
request: { type: object }
claims: [{ name: sub, from: subject }, { name: exp, from: expires_at }]
accept: { type: object }
carriers:
  - { in: header, name: authorization, scheme: Bearer, max_bytes: 300 }
  - { in: header, name: x-key }
  - { in: query, name: token }
  - { in: cookie, name: session }
  - { in: body, name: token }
  - { in: frame, prefix: "Bearer " }
`;

test("whatever a client sends is answered: nothing throws, and nothing but the token itself is valid", (t) => {
  const random = seededRandom(t);
  const secret = randomBytes(32, random);
  const { answerTo } = verifyingUnderTest(profileOf(PROFILE), () => secretKeys({ "kid-1": secret }));
  const good = foreignToken({ alg: "HS256" }, { sub: "u", exp: NOW + 60 }, secret);
  const names = ["authorization", "Authorization", "x-key", "token", "session", "", "__proto__"];
  const values = ["", good, `Bearer ${good}`, `bearer ${good}`, `Token ${good}`, `Bearer ${good}${"A".repeat(300)}`];
  const value = () => {
    const text = values[random(0, values.length)] ?? "";
    return random(0, 2) === 0 ? text : mutateToken(text, random);
  };
  const pairs = () =>
    Array.from({ length: random(0, 3) }, () => ({ name: names[random(0, names.length)] ?? "", value: value() }));
  const seen = new Set<string>();
  for (let i = 0; i < 10_000; i += 1) {
    const frame = random(0, 4) === 0 ? randomBytes(random(0, 40), random) : Buffer.from(random(0, 2) ? "" : value());
    const sent = { headers: pairs(), query: pairs(), cookies: pairs(), body: pairs(), frame };
    const reason = reasonOf(answerTo("", { credential: { $case: "carrier", value: sent } }));
    if (reason === "valid") t.true(JSON.stringify([sent, frame.toString()]).includes(good));
    seen.add(reason);
  }
  for (const reason of ["valid", "CARRIER_MISSING", "CARRIER_CONFLICT", "TOO_LARGE", "MALFORMED", "BAD_SIGNATURE"])
    t.true(seen.has(reason), `${reason} never came: ${[...seen].join(" ")}`);
});
