import test from "ava";
import type { AuditEvent } from "../../../src/audit/event.ts";
import { profileOf } from "../../support/profiles/profiles.ts";
import { issuingUnderTest, seconds } from "../../support/tokens/issuing-under-test.ts";
import { oneSecret } from "../../support/tokens/token-keys.ts";

const profile = (audit: string) =>
  profileOf(`
profile: gate
issuer: none
header: { kid: absent }
keys: { imported: HS256, encoding: hex }
lifetime: { exp: optional, max: 1h, max_age: 1h }
request: { type: object }
claims: [{ name: sub, from: subject }, { name: iat, from: issued_at }, { name: exp, from: expires_at }, { rest: request }]
accept: { type: object }
warnings: [{ when: "has(request.admin) && request.admin", code: ADMIN, message: it may do everything }]
audit: ${audit}
`);

async function issuedUnder(audit: string, claims: Record<string, unknown>, ttl?: number) {
  const gate = profile(audit);
  const { issue, events } = issuingUnderTest(gate, () => oneSecret(Buffer.alloc(32, 7)));
  const { draft } = await issue({ subject: "alice", claims, ttl: ttl === undefined ? undefined : seconds(ttl) });
  return { event: events[0] as Extract<AuditEvent, { type: "token.issued" }>, draft, digest: gate.digest };
}

test("the event of a token says what the profile shows, and commits to all that was signed", async (t) => {
  const claims = { plan: "free", rooms: ["a"], secret: "claim-value", admin: true };
  const { event, draft, digest } = await issuedUnder("{ claims: [plan, rooms] }", claims, 300);
  t.like(event, {
    claims: { plan: "free", rooms: ["a"] },
    claimsLeftOut: [],
    claimsDigest: `digest of ${draft.claims.text}`,
    profileDigest: digest,
    ttlSeconds: 300,
    warnings: ["ADMIN"],
    subjectHash: "hash",
    subject: "",
  });
  t.false(JSON.stringify({ ...event, claimsDigest: "" }).includes("claim-value"));
});

test("without an exp it has no ttl, and without shown claims none; a subject is in clear where the profile says so", async (t) => {
  const hashed = await issuedUnder("{}", {});
  t.like(hashed.event, { claims: undefined, ttlSeconds: undefined, warnings: ["NO_EXPIRY"], subject: "" });
  const { event } = await issuedUnder("{ subject: clear }", {});
  t.like(event, { subjectHash: "hash", subject: "alice" });
});

test("claims that are too large for an event are left out by name, and the token is issued", async (t) => {
  const { event } = await issuedUnder("{ claims: [big, plan] }", { big: "x".repeat(4500), plan: "free" });
  t.like(event, { claims: { plan: "free" }, claimsLeftOut: ["big"] });
});

test("a denial has the id of its request, if it has the form of one", async (t) => {
  const ids: string[] = [];
  const { issue } = issuingUnderTest(profile("{}"), () => oneSecret(Buffer.alloc(32, 7)), {
    onDenied: (_name, _caller, requestId) => ids.push(requestId),
  });
  for (const requestId of ["order-1", "a b", ""])
    await t.throwsAsync(issue({ requestId }), { code: "INVALID_REQUEST" });
  t.deepEqual(ids, ["order-1", "", ""]);
});
