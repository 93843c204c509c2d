import { generateKeyPairSync } from "node:crypto";
import test from "ava";
import { AuditError, type AuditEvent } from "../../src/audit/event.ts";
import { Problem } from "../../src/problem/problem.ts";
import type { RevokeRequest } from "../../src/revoke/request.ts";
import type { Revocation } from "../../src/revoke/revocation.ts";
import { createRevokeTokens } from "../../src/revoke/revocation-service.ts";
import { StateError } from "../../src/state/keyvalue.ts";
import { callerNamed } from "../support/caller.ts";
import { rejectedViolations } from "../support/problems.ts";
import { profileOf, serviceProfile, shippedProfile } from "../support/profiles/profiles.ts";
import { forge } from "../support/tokens/foreign-token.ts";

const NOW = 1_800_000_000_500;
const SECOND = 1_800_000_000;
const MINUTE = 60_000;

const EMPTY: RevokeRequest = {
  profile: "service",
  tenant: "",
  tokenIds: [],
  expiresAt: undefined,
  subject: "",
  issuedBefore: undefined,
  reason: "lost laptop",
};

function fixture(profile = serviceProfile()) {
  const order: string[] = [];
  const stored: Revocation[] = [];
  const events: AuditEvent[] = [];
  const failing: { clock?: Error; store?: Error; audit?: Error } = {};
  const revoke = createRevokeTokens({
    profiles: () => new Map([[profile.name, profile]]),
    hasher: { keyId: "kek-1", hash: (subject) => `hash of ${subject}` },
    now: () => NOW,
    requireRightClock() {
      if (failing.clock !== undefined) throw failing.clock;
    },
    revocations: {
      async revoke(revocations) {
        if (failing.store !== undefined) throw failing.store;
        order.push("store");
        stored.push(...revocations);
      },
    },
    audit: {
      async append(event, time) {
        if (failing.audit !== undefined) throw failing.audit;
        order.push(`audit ${time}`);
        events.push(event);
      },
    },
  });
  const ask = (request: Partial<RevokeRequest>) =>
    revoke({ ...EMPTY, profile: profile.name, ...request }, callerNamed("caller-1"));
  return { order, stored, events, failing, ask };
}

test("tokens are revoked by id until the longest-lived of now has ended, with the event after the store", async (t) => {
  const { order, stored, events, ask } = fixture();
  // An hour is the longest life, a minute the leeway, a minute the skew of clocks.
  const until = NOW + 60 * MINUTE + 2 * MINUTE;
  t.like(await ask({ tokenIds: ["a", "b", "a"] }), { at: NOW, until });
  const common = { kind: "token", profile: "service", tenant: "", at: NOW, until };
  t.deepEqual(stored as unknown[], [
    { ...common, tokenId: "a" },
    { ...common, tokenId: "b" },
  ]);
  t.deepEqual(order, ["store", `audit ${NOW}`]);
  t.deepEqual(events, [
    {
      type: "token.revoked",
      profile: "service",
      tenant: "",
      tokenIds: ["a", "b"],
      subjectHash: "",
      subject: "",
      issuedBefore: undefined,
      caller: callerNamed("caller-1"),
      reason: "lost laptop",
      until,
    },
  ]);
});

test("the event of a revoked subject names it in clear only where the profile says so", async (t) => {
  const clear = shippedProfile("service", (text) => text.replace("audit: { ", "audit: { subject: clear, "));
  const [hashed, shown] = [fixture(), fixture(clear)];
  for (const { ask } of [hashed, shown]) await ask({ subject: "alice" });
  t.like(hashed.events[0], { subjectHash: "hash of alice", subject: "" });
  t.like(shown.events[0], { subjectHash: "hash of alice", subject: "alice" });
});

test("an expiry that is known ends the revocation, after the leeway and the skew of clocks", async (t) => {
  const { stored, ask } = fixture();
  await ask({ tokenIds: ["a"], expiresAt: new Date(NOW + MINUTE) });
  t.is(stored[0]?.until, NOW + 3 * MINUTE);
});

test("a token that is valid only in a year can be revoked until its expiry", async (t) => {
  const { stored, ask } = fixture();
  const expiresAt = NOW + 60 * MINUTE + 366 * 24 * 60 * MINUTE;
  await ask({ tokenIds: ["a"], expiresAt: new Date(expiresAt) });
  t.is(stored[0]?.until, expiresAt + 2 * MINUTE);
});

test("a wished longer life, and a life without exp, are the longest that count", async (t) => {
  for (const [name, longest] of [
    ["hivekit", 365 * 24 * 60],
    ["euler-stream", undefined],
  ] as const) {
    const profile = shippedProfile(name);
    const { lifetime } = profile;
    const { stored, ask } = fixture(profile);
    await ask({ tokenIds: ["a"], tenant: profile.tenant === undefined ? "" : "acme" });
    const seconds = Math.max(lifetime.extended?.max ?? lifetime.max, lifetime.maxAge ?? 0);
    if (longest !== undefined) t.is(seconds, longest * 60, name);
    t.is(stored[0]?.until, NOW + (seconds + lifetime.leeway + lifetime.skew) * 1000, name);
  }
});

test("a subject is revoked by its keyed hash up to the second of the moment, by default of now", async (t) => {
  const { stored, events, ask } = fixture();
  await ask({ subject: "alice" });
  await ask({ subject: "alice", issuedBefore: new Date(NOW - 1_000) });
  t.deepEqual(
    stored.map((one) => one.kind === "subject" && [one.subjectHash, one.hashedUnder, one.issuedBefore]),
    [
      ["hash of alice", "kek-1", SECOND],
      ["hash of alice", "kek-1", SECOND - 1],
    ],
  );
  t.like(events[0], { tokenIds: [], subjectHash: "hash of alice", issuedBefore: SECOND * 1000 });
  t.false(JSON.stringify([stored, events]).includes('"alice"'));
});

test("every bad field is named at once", async (t) => {
  const { stored, ask } = fixture();
  const all = { tenant: "t", tokenIds: ["", "x".repeat(256), "a\nb", "ok"], subject: "alice", reason: "" };
  t.deepEqual(await rejectedViolations(ask({ ...all, expiresAt: new Date(0), issuedBefore: new Date(NOW + 1) })), {
    tenant: "is not used by this profile",
    "token_ids[0]": "must not be empty",
    "token_ids[1]": "must have at most 255 bytes of UTF-8",
    "token_ids[2]": "must not contain control characters",
    subject: "must not be set with token_ids",
    expires_at: "must be in the future",
    issued_before: "must be a time that is not in the future",
    reason: "is required",
  });
  t.deepEqual(stored, []);
});

for (const [what, request, expected] of [
  ["neither ids nor a subject", {}, { token_ids: "are required without a subject" }],
  ["101 ids", { tokenIds: Array(101).fill("a") }, { token_ids: "must have at most 100 values" }],
  [
    "an expiry of a subject",
    { subject: "a", expiresAt: new Date(NOW) },
    { expires_at: "must not be set without token_ids" },
  ],
  [
    "a moment for ids",
    { tokenIds: ["a"], issuedBefore: new Date(NOW) },
    { issued_before: "must not be set without a subject" },
  ],
  [
    "an expiry that is no date",
    { tokenIds: ["a"], expiresAt: new Date(Number.NaN) },
    { expires_at: "must be a time from year 1 to 9999" },
  ],
  [
    "an expiry that no token of the profile can have",
    { tokenIds: ["a"], expiresAt: new Date(NOW + 60 * MINUTE + 366 * 24 * 60 * MINUTE + 1) },
    { expires_at: "must be at most 366 days after the longest-lived token issued now expires" },
  ],
  [
    "a moment that is no date",
    { subject: "a", issuedBefore: new Date(Number.NaN) },
    { issued_before: "must be a time from year 1 to 9999" },
  ],
  [
    "a reason of 257 bytes",
    { tokenIds: ["a"], reason: "x".repeat(257) },
    { reason: "must have at most 256 bytes of UTF-8" },
  ],
  ["a reason of two lines", { tokenIds: ["a"], reason: "a\nb" }, { reason: "must not contain control characters" }],
] as const) {
  test(`${what} is refused`, async (t) => {
    const { stored, events, ask } = fixture();
    t.deepEqual(await rejectedViolations(ask(request)), expected);
    t.deepEqual([stored, events], [[], []]);
  });
}

test("a token instead of its id, or in the reason, reaches neither the store nor an event", async (t) => {
  const { stored, events, ask } = fixture();
  const token = forge({ alg: "EdDSA" }, { sub: "alice" }, generateKeyPairSync("ed25519").privateKey);
  t.true(token.length < 255);
  const fault = "must not contain a token";
  t.deepEqual(await rejectedViolations(ask({ tokenIds: ["a.b.c", token] })), { "token_ids[1]": fault });
  t.deepEqual(await rejectedViolations(ask({ tokenIds: ["a"], reason: `theft of ${token}` })), { reason: fault });
  t.deepEqual([stored, events], [[], []]);
  await ask({ tokenIds: [`h.${"x".repeat(43)}`, "eyes.of.a-cat"], reason: "key.id.of eyebeam.example.org" });
  t.is(stored.length, 2);
});

test("100 ids and a reason of 256 bytes are taken", async (t) => {
  const { stored, ask } = fixture();
  await ask({ tokenIds: Array.from({ length: 100 }, (_, index) => `t-${index}`), reason: "x".repeat(256) });
  t.is(stored.length, 100);
});

test("a profile with tenants demands one", async (t) => {
  const tenants = profileOf(`
profile: tenants
issuer: none
tenant: { claim: org }
keys: { imported: HS256, encoding: base64 }
lifetime: { exp: required, default: 5m, max: 1h }
request: { type: object }
claims: [{ name: org, from: tenant }, { name: exp, from: expires_at }]
accept: { type: object }
`);
  const { stored, ask } = fixture(tenants);
  t.deepEqual(await rejectedViolations(ask({ tokenIds: ["a"] })), { tenant: "is required" });
  await ask({ tokenIds: ["a"], tenant: "acme" });
  t.is(stored[0]?.tenant, "acme");
});

test("a profile that is unknown is NOT_FOUND before anything else is looked at", async (t) => {
  const { ask } = fixture();
  await t.throwsAsync(ask({ profile: "nowhere" }), { instanceOf: Problem, code: "PROFILE_NOT_FOUND" });
});

test("an unreachable store is UNAVAILABLE, and no event says what may not be true", async (t) => {
  for (const code of ["UNAVAILABLE", "LOST"] as const) {
    const { failing, events, ask } = fixture();
    failing.store = new StateError(code, "away");
    const problem = await t.throwsAsync(ask({ tokenIds: ["a"] }), { instanceOf: Problem });
    t.like(problem, { code: "REVOCATIONS_UNAVAILABLE", retryAfterMs: 1_000 });
    t.deepEqual(events, []);
  }
});

test("an unexpected error is not reported as an unreachable store", async (t) => {
  const { failing, ask } = fixture();
  failing.store = new TypeError("a bug");
  t.is(await t.throwsAsync(ask({ tokenIds: ["a"] }), { instanceOf: TypeError }), failing.store as TypeError);
});

test("what is revoked stays revoked when its event can't be stored, and the call says so", async (t) => {
  for (const [audit, code] of [
    ["FULL", "AUDIT_FULL"],
    ["UNAVAILABLE", "AUDIT_UNAVAILABLE"],
  ] as const) {
    const { failing, stored, ask } = fixture();
    failing.audit = new AuditError(audit, "broken");
    const problem = await t.throwsAsync(ask({ tokenIds: ["a"] }), { instanceOf: Problem, code });
    t.regex(problem?.message ?? "", /^the tokens are revoked, but .* revoke again$/);
    t.is(stored.length, 1);
  }
});

test("a replica whose clock is wrong revokes nothing, since the entry would end too early or concern later tokens", async (t) => {
  const { ask, failing, order } = fixture();
  failing.clock = new Problem("CLOCK_DIFFERS", "a test");
  t.is(await t.throwsAsync(ask({ tokenIds: ["a"] })), failing.clock);
  t.deepEqual(order, []);
});
