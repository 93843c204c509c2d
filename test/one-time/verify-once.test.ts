import test from "ava";
import type { Caller } from "../../src/caller.ts";
import type { Generation } from "../../src/live/generation.ts";
import { createUseUp } from "../../src/one-time/use-up.ts";
import { createVerifyOnce } from "../../src/one-time/verify-once.ts";
import { createMemoryKeyValue } from "../../src/state/memory.ts";
import type { VerifyRequest } from "../../src/token/verify/request.ts";
import { createVerifyToken, type VerifyAnswer, withRejections } from "../../src/token/verify/verify-token.ts";
import { callerNamed, LOOPBACK } from "../support/caller.ts";
import { rejectedViolations, thrownViolations } from "../support/problems.ts";
import { profileOf } from "../support/profiles/profiles.ts";
import { foreignToken } from "../support/tokens/foreign-token.ts";
import { NO_REVOCATIONS } from "../support/tokens/no-revocations.ts";
import { secretKeys } from "../support/tokens/secret-keys.ts";
import { carried, NOW } from "../support/tokens/verifying-under-test.ts";

const SECRET = Buffer.alloc(32, 7);
const PROFILE = (oneTime: boolean) => `
profile: gate
issuer: none
one_time: ${oneTime}
header: { typ: JWT, kid: absent }
keys: { imported: HS256, encoding: utf8 }
lifetime: { exp: required, default: 1m, max: 1h }
request: { type: object }
claims: [{ name: sub, from: subject }, { name: iat, from: issued_at }, { name: exp, from: expires_at }]
accept: { type: object, required: [sub] }
context: { type: object, properties: { room: { type: string } } }
rules: [{ require: '!has(context.room) || context.room != "closed"', reason: NOT_PERMITTED, message: no entry }]
carriers: [{ in: header, name: authorization, scheme: Bearer }, { in: frame, prefix: "Bearer " }]
`;

const shown = (jti: string, claims: object = {}) =>
  foreignToken({ alg: "HS256", typ: "JWT" }, { sub: "u", iat: NOW, exp: NOW + 60, jti, ...claims }, SECRET);

function service({ oneTime = false } = {}) {
  const clock = { now: NOW * 1000 };
  const revoked = new Set<string>();
  const rejected: string[] = [];
  const profile = profileOf(PROFILE(oneTime));
  const store = createMemoryKeyValue(() => clock.now);
  const generation: Generation = { id: "g1", since: undefined, earlier: [] };
  const verify = createVerifyToken({
    profiles: () => new Map([["gate", profile]]),
    keysOf: () => secretKeys({ "kid-1": SECRET }),
    now: () => clock.now,
    onExpressionError: () => {},
    ...NO_REVOCATIONS,
    revocations: { has: ({ tokenId }) => revoked.has(tokenId), viewAgeMs: () => 0 },
  });
  const useUp = createUseUp({
    live: { store, generation: () => generation },
    now: () => clock.now,
    skewMs: 5_000,
    requireRightClock: () => {},
  });
  const once = withRejections(createVerifyOnce(verify, useUp), (_, reason) => void rejected.push(reason));
  const ask = (token: string, request: Partial<VerifyRequest> = {}, caller: Caller = LOOPBACK) =>
    once({ ...EMPTY, credential: { $case: "token", value: token }, ...request }, caller);
  /** "valid", or the reason of the rejection. */
  const told = async (...asked: Parameters<typeof ask>) => {
    const { verdict } = await ask(...asked);
    return verdict.valid ? "valid" : verdict.rejection.reason;
  };
  return { clock, revoked, rejected, store, ask, told };
}

const EMPTY = {
  profile: "gate",
  credential: undefined,
  tenant: "",
  audience: "",
  context: undefined,
  at: undefined,
};

test("a verification without one-time use answers in the same turn, and stores nothing", async (t) => {
  const { ask, store } = service();
  for (const token of [shown("a"), shown("a"), "garbage"]) t.false(ask(token) instanceof Promise);
  t.deepEqual(await store.list(""), []);
});

test("consume uses the token up; verifying without it still finds it valid", async (t) => {
  const { told, rejected } = service();
  t.is(await told(shown("a"), { consume: true }), "valid");
  t.is(await told(shown("a"), { consume: true }), "ALREADY_USED");
  t.is(await told(shown("a")), "valid");
  t.is(await told(shown("b"), { consume: true }), "valid");
  t.deepEqual(rejected, ["ALREADY_USED"]);
});

test("a profile with one_time consumes always", async (t) => {
  const { told } = service({ oneTime: true });
  t.is(await told(shown("a")), "valid");
  t.is(await told(shown("a")), "ALREADY_USED");
  t.is(await told(shown("a"), { consume: true }), "ALREADY_USED");
});

test("a token is used by its id, not by its text", async (t) => {
  const { told } = service({ oneTime: true });
  t.is(await told(shown("a")), "valid");
  t.is(await told(shown("a", { sub: "another" })), "ALREADY_USED");
  const credential = { $case: "carrier", value: carried({ frame: Buffer.from(`Bearer ${shown("a")}`) }) } as const;
  t.is(await told("", { credential }), "ALREADY_USED");
});

test("the answer says who was shown and what, and its claims are left out", async (t) => {
  const { ask } = service();
  await ask(shown("a"), { consume: true });
  const answer = await ask(shown("a"), { consume: true });
  t.deepEqual(answer.verdict, {
    valid: false,
    rejection: { reason: "ALREADY_USED", message: "the token was used before, and may be used once" },
    identified: { keyId: "kid-1", tokenId: "a", expiresAt: NOW + 60 },
  });
  t.deepEqual(answer.warnings, []);
});

test("consumption is the last check: what is not valid uses nothing up", async (t) => {
  const { told, revoked, store } = service({ oneTime: true });
  const refusals = [
    [shown("a", { exp: NOW - 1 }), {}, "EXPIRED"],
    [shown("a", { sub: 1 }), {}, "CLAIM_INVALID"],
    [shown("a"), { context: { room: "closed" } }, "NOT_PERMITTED"],
    ["garbage", {}, "MALFORMED"],
  ] as const;
  for (const [token, request, reason] of refusals) t.is(await told(token, request), reason);
  revoked.add("a");
  t.is(await told(shown("a")), "REVOKED");
  revoked.clear();
  t.deepEqual(await store.list(""), []);
  t.is(await told(shown("a")), "valid");
});

test("a used token that was revoked is REVOKED, and one that ended is EXPIRED", async (t) => {
  const { told, revoked, clock } = service({ oneTime: true });
  await told(shown("a"));
  revoked.add("a");
  t.is(await told(shown("a")), "REVOKED");
  revoked.clear();
  clock.now += 61_000;
  t.is(await told(shown("a")), "EXPIRED");
});

const again = { consume: true, requestId: "r-1" };

test("the same caller, request_id and request get the same answer", async (t) => {
  const { ask, told, clock } = service();
  const first = await ask(shown("a"), again);
  clock.now += 30_000;
  t.deepEqual(verdictOf(await ask(shown("a"), again)), verdictOf(first));
  t.is(await told(shown("a"), again, { ...LOOPBACK, address: "127.0.0.2" }), "valid", "a caller is its name");
});

const verdictOf = ({ verdict, warnings }: VerifyAnswer) => ({ verdict, warnings });

const OTHERS: Readonly<Record<string, [Partial<VerifyRequest>, Caller?]>> = {
  "another caller": [{}, callerNamed("dns:other")],
  "another request_id": [{ requestId: "r-2" }],
  "no request_id": [{ requestId: "" }],
  "another context": [{ context: { room: "a" } }],
  "the token in another place": [
    { credential: { $case: "carrier", value: carried({ frame: Buffer.from(`Bearer ${shown("a")}`) }) } },
  ],
};

for (const [what, [request, caller]] of Object.entries(OTHERS))
  test(`with ${what} it is another use`, async (t) => {
    const { told } = service();
    t.is(await told(shown("a"), again), "valid");
    t.is(await told(shown("a"), { ...again, ...request }, caller), "ALREADY_USED");
  });

test("an empty context and none are one request, and so is the same carrier", async (t) => {
  const { told } = service();
  t.is(await told(shown("a"), again), "valid");
  t.is(await told(shown("a"), { ...again, context: {} }), "valid");
  const request = () => ({
    ...again,
    credential: { $case: "carrier", value: carried({ frame: Buffer.from(`Bearer ${shown("b")}`) }) } as const,
  });
  t.is(await told("", request()), "valid");
  t.is(await told("", request()), "valid");
});

test("the answer is the same when the token has ended meanwhile, for two minutes", async (t) => {
  const { ask, told, clock, rejected } = service();
  const first = await ask(shown("a"), again);
  clock.now += 119_000;
  t.deepEqual(verdictOf(await ask(shown("a"), again)), verdictOf(first));
  t.is(await told(shown("a"), { consume: true, requestId: "r-2" }), "EXPIRED");
  t.is(await told(shown("never", { exp: NOW }), again), "EXPIRED");
  clock.now += 1_000;
  t.is(await told(shown("a"), again), "EXPIRED");
  t.deepEqual(rejected, ["EXPIRED", "EXPIRED", "EXPIRED"]);
});

test("what was revoked meanwhile is REVOKED in the answer to a repetition", async (t) => {
  const { told, revoked, clock } = service();
  t.is(await told(shown("a"), again), "valid");
  revoked.add("a");
  t.is(await told(shown("a"), again), "REVOKED");
  clock.now += 61_000;
  t.is(await told(shown("a"), again), "REVOKED");
});

test("bad fields are named together, and nothing is used up", async (t) => {
  const plain = service();
  const oneTime = service({ oneTime: true });
  const at = new Date(NOW * 1000);
  const now = "must not be set where the token is used up";
  const form = "must be 1 to 64 characters of A-Z a-z 0-9 . _ : -";
  const violations = (from: typeof plain, request: Partial<VerifyRequest>) =>
    thrownViolations(() => from.ask(shown("a"), { audience: "x", ...request }));
  const audience = "is not used by this profile";
  t.deepEqual(violations(plain, { consume: true, at }), { audience, at: now });
  t.deepEqual(violations(oneTime, { at }), { audience, at: now });
  t.deepEqual(violations(plain, { requestId: "r" }), {
    audience,
    request_id: "is only for a verification that consumes",
  });
  for (const requestId of ["a b", "ä", "x".repeat(65), "\0", "a/b"])
    t.deepEqual(violations(oneTime, { requestId }), { audience, request_id: form });
  t.deepEqual(await rejectedViolations(oneTime.told(shown("a"), { requestId: "x".repeat(64) })), {});
  t.deepEqual(await plain.store.list(""), []);
});
