import test from "ava";
import { LOOPBACK } from "../../support/caller.ts";
import { profileOf } from "../../support/profiles/profiles.ts";
import { foreignToken } from "../../support/tokens/foreign-token.ts";
import { secretKeys } from "../../support/tokens/secret-keys.ts";
import { carried, NOW, verifyingUnderTest } from "../../support/tokens/verifying-under-test.ts";

const SECRET = Buffer.alloc(32, 7);
const PROFILE = profileOf(`
profile: gate
issuer: none
header: { typ: JWT, kid: required }
keys: { imported: HS256, encoding: hex }
lifetime: { exp: required, default: 5m, max: 1h }
request: { type: object }
claims: [{ name: sub, from: subject }, { name: exp, from: expires_at }, { name: jti, from: token_id }]
accept: { type: object }
carriers: [{ in: header, name: authorization, scheme: Bearer }]
`);
const TOKEN = { sub: "alice", exp: NOW + 60, jti: "t-1" };
const signed = (kid: unknown, claims: object = TOKEN, secret = SECRET) =>
  foreignToken({ alg: "HS256", typ: "JWT", kid }, claims, secret);

/** What an event would say of the one rejected token. */
function sampleOf(token: string, inHeader = false) {
  const { answerTo, samples, rejected } = verifyingUnderTest(PROFILE, () => secretKeys({ "kid-1": SECRET }));
  const headers = [{ name: "authorization", value: `Bearer ${token}` }];
  answerTo(token, inHeader ? { credential: { $case: "carrier", value: carried({ headers }) } } : {});
  return { reason: rejected[0]?.split(" ")[1], ...samples[0] };
}

for (const [what, token, reason, keyId, tokenId] of [
  [
    "its signature is bad: by the key that it names",
    signed("kid-1", TOKEN, Buffer.alloc(32)),
    "BAD_SIGNATURE",
    "kid-1",
    "",
  ],
  ["its key is unknown: by the key that it names", signed("kid-9"), "UNKNOWN_KEY", "kid-9", ""],
  ["it has expired: by its key and its id", signed("kid-1", { ...TOKEN, exp: NOW - 60 }), "EXPIRED", "kid-1", "t-1"],
  ["its kid holds a token: by nothing", signed(signed("kid-1")), "UNKNOWN_KEY", "", ""],
  ["its kid has spaces: by nothing", signed("a b"), "HEADER_INVALID", "", ""],
  ["its kid is no text: by nothing", signed({ a: 1 }), "HEADER_INVALID", "", ""],
  ["it is no token: by nothing", "alice", "MALFORMED", "", ""],
] as const)
  test(`a rejected token is described where ${what}`, (t) => {
    for (const inHeader of [false, true]) {
      const sample = sampleOf(token, inHeader);
      t.deepEqual(sample, { reason, caller: LOOPBACK, keyId, tokenId });
      t.false(JSON.stringify(sample).includes("alice"));
    }
  });

test("negative control: a valid token has no sample", (t) => {
  t.deepEqual(sampleOf(signed("kid-1")), { reason: undefined });
});
