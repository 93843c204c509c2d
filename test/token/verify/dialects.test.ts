import { createHash, randomBytes } from "node:crypto";
import test from "ava";
import type { VerifyRequest } from "../../../src/token/verify/request.ts";
import { profileOf } from "../../support/profiles/profiles.ts";
import { foreignToken } from "../../support/tokens/foreign-token.ts";
import { secretKeys } from "../../support/tokens/secret-keys.ts";
import { NOW, reasonOf, verifyingUnderTest } from "../../support/tokens/verifying-under-test.ts";

/** A dialect that no vendor speaks, with all that verifying knows of. */
const DIALECT = `
profile: dialect
issuer: platform
tenant: { claim: org }
subject: user_id
header: { typ: JWT, kid: absent }
keys: { imported: HS256, encoding: base64 }
lifetime: { exp: optional, min: 1s, max: 1h, max_age: 90d, extended: { by: static, max: 30d }, leeway: 10s, skew: 60s }
request: { type: object, properties: { static: { type: boolean } } }
claims:
  - { name: iss, from: issuer }
  - { name: org, from: tenant }
  - { name: user_id, from: request.user_id }
  - { name: ip, from: client_ip }
  - { name: room, from: request.room }
  - { name: iat, from: issued_at }
  - { name: exp, from: expires_at }
accept:
  type: object
  required: [user_id, room]
  properties: { user_id: { type: string, minLength: 1 }, room: { type: string } }
aliases: { user_id: [unique_identifier, uid] }
context:
  type: object
  additionalProperties: false
  properties: { room: { type: string, minLength: 1 }, ip: { type: string } }
ip: { mode: warn, claim: ip, prefix: { v4: 24, v6: 64 } }
rules:
  - { require: context.room != "lobby", reason: CONTEXT_INVALID, message: the lobby is no room }
  - { require: context.room == claims.room, reason: NOT_PERMITTED, message: the token is for another room }
`;
const [old, young, foreign] = [randomBytes(32), randomBytes(32), randomBytes(32)];
const keys = secretKeys({ young, old });
const CLAIMS = { iss: "platform", org: "org-1", user_id: "u-1", ip: "192.0.2.7", room: "r-1", iat: NOW, exp: NOW + 60 };
const HEADER = { alg: "HS256", typ: "JWT" };
const QUESTION = { tenant: "org-1", context: { room: "r-1" } };

const signed = (changes: object = {}, key = young) => foreignToken(HEADER, { ...CLAIMS, ...changes }, key);

/** Asks the dialect, or an edited copy of it. */
function answer(token: string, question: Partial<VerifyRequest> = {}, edit = (text: string) => text) {
  return verifyingUnderTest(profileOf(edit(DIALECT)), () => keys).answerTo(token, { ...QUESTION, ...question });
}

function verdictOn(...asked: Parameters<typeof answer>) {
  return answer(...asked).verdict;
}

/** "valid" with its warnings, or the reason with its message and diagnosis. */
function verdictText(...asked: Parameters<typeof answer>): string {
  const verdict = verdictOn(...asked);
  if (verdict.valid) return ["valid", ...verdict.warnings.map(({ code }) => code)].join(" ");
  const { reason, message, diagnosis } = verdict.rejection;
  return `${reason}: ${message}${diagnosis === undefined ? "" : ` (${diagnosis})`}`;
}

const reason = (...asked: Parameters<typeof answer>) => reasonOf(answer(...asked));

test("a token without kid is tried with every key, and the answer names the one that fits", (t) => {
  for (const [key, kid] of [
    [young, "young"],
    [old, "old"],
  ] as const) {
    const verdict = verdictOn(signed({}, key));
    t.is(verdict.valid && verdict.keyId, kid);
  }
  t.is(reason(signed({}, foreign)), "BAD_SIGNATURE");
});

test("a kid where the dialect has none is refused", (t) => {
  t.is(verdictText(foreignToken({ ...HEADER, kid: "young" }, CLAIMS, young)), "HEADER_INVALID: kid must be absent");
});

test("without any key a token without kid is UNKNOWN_KEY, after one reload", async (t) => {
  let reloads = 0;
  const reload = async () => {
    reloads += 1;
  };
  const { ask } = verifyingUnderTest(profileOf(DIALECT), () => ({ ...secretKeys({}), reload }));
  t.is(reasonOf(await ask(signed(), QUESTION)), "UNKNOWN_KEY");
  t.is(reloads, 1);
});

test("an algorithm that is not the keys' is refused before any key is tried", (t) => {
  for (const alg of ["none", "HS512", "RS256", "hs256"])
    t.is(
      verdictText(foreignToken({ ...HEADER, alg }, CLAIMS, young)),
      "ALGORITHM_NOT_ALLOWED: only HS256 is allowed here",
    );
});

test("an algorithm of the profile that is not the keys' is not called the only one that is allowed", (t) => {
  const edit = (text: string) => text.replace("imported: HS256", "imported: [HS256, HS512]");
  const verdict = (alg: string) => verdictText(foreignToken({ ...HEADER, alg }, CLAIMS, young), {}, edit);
  t.is(verdict("HS512"), "ALGORITHM_NOT_ALLOWED: the token's key has another algorithm");
  t.is(verdict("HS384"), "ALGORITHM_NOT_ALLOWED: only HS256 or HS512 is allowed here");
  t.is(verdict("HS256"), "valid");
});

test("a subject that is no text is refused with what the profile allows", (t) => {
  const claim = "  - { name: room, from: request.room }\n";
  const mayBeEmpty = (text: string) =>
    text
      .replace("subject: user_id", "subject: { claim: sub, may_be_empty: true }")
      .replace(claim, `${claim}  - { name: sub, from: subject }\n`);
  t.is(verdictText(signed({ sub: 7 })), "CLAIM_INVALID: sub must be a non-empty string");
  t.is(verdictText(signed({ sub: 7 }), {}, mayBeEmpty), "CLAIM_INVALID: sub must be a string");
  t.is(verdictText(signed({ sub: "" }), {}, mayBeEmpty), "valid");
});

test("a dialect with typ JWT or none accepts both, and one with an explicit type neither", (t) => {
  const bare = foreignToken({ alg: "HS256" }, CLAIMS, young);
  for (const typ of ["typ: JWT, ", ""]) {
    const edit = (text: string) => text.replace("typ: JWT, ", typ);
    for (const token of [signed(), bare]) t.is(verdictText(token, {}, edit), "valid");
    const other = foreignToken({ ...HEADER, typ: "at+jwt" }, CLAIMS, young);
    t.is(verdictText(other, {}, edit), "TYPE_MISMATCH: typ must be jwt or absent");
  }
  const explicit = (text: string) => text.replace("typ: JWT, ", "typ: a+jwt, accept_typ: [b+jwt], ");
  for (const token of [signed(), bare])
    t.is(verdictText(token, {}, explicit), "TYPE_MISMATCH: typ must be a+jwt or b+jwt");
});

test("another issuer is refused, and a dialect without one checks none", (t) => {
  const none = (text: string) => text.replace("issuer: platform", "issuer: none").replace(/ +- .*issuer }\n/, "");
  t.is(reason(signed({ iss: "other" })), "ISSUER_MISMATCH");
  t.is(reason(signed({ iss: undefined })), "ISSUER_MISMATCH");
  t.is(reason(signed({ iss: "other" }), {}, none), "valid");
});

test("a good signature with another tenant's claim is TENANT_MISMATCH, and so is a token without one", (t) => {
  t.is(reason(signed({ org: "org-2" })), "TENANT_MISMATCH");
  t.is(reason(signed({ org: undefined })), "TENANT_MISMATCH");
  t.is(reason(signed({ org: 1 })), "TENANT_MISMATCH");
});

test("where exp is optional a token without one is valid, with a warning", (t) => {
  t.is(verdictText(signed({ exp: undefined })), "valid NO_EXPIRY");
  t.is(verdictText(signed()), "valid");
});

test("where exp is required a token without one is EXP_MISSING, whatever its age", (t) => {
  const required = (text: string) => text.replace("exp: optional", "exp: required, default: 5m");
  t.is(verdictText(signed({ exp: undefined, iat: 1 }), {}, required), "EXP_MISSING: exp is required");
});

test("an exp that is there counts, and the longest life is the one that can be wished for", (t) => {
  const day = 86_400;
  t.is(reason(signed({ exp: NOW + 30 * day })), "valid");
  t.is(reason(signed({ exp: NOW + 30 * day + 1 })), "LIFETIME_EXCEEDED");
  t.is(reason(signed({ iat: NOW - 60, exp: NOW - 10 })), "EXPIRED");
  t.is(reason(signed({ iat: NOW - 60, exp: NOW - 9 })), "valid");
  const plain = (text: string) => text.replace("extended: { by: static, max: 30d }, ", "");
  t.is(reason(signed({ exp: NOW + 3601 }), {}, plain), "LIFETIME_EXCEEDED");
});

test("a token is TOO_OLD a second after its greatest age, and without iat its age can't be known", (t) => {
  const age = 90 * 86_400;
  t.is(verdictText(signed({ exp: undefined, iat: NOW - age })), "valid NO_EXPIRY");
  t.is(reason(signed({ exp: undefined, iat: NOW - age - 1 })), "TOO_OLD");
  t.is(verdictText(signed({ exp: undefined, iat: undefined })), "CLAIM_MISSING: iat is required");
});

test("iat and nbf may lie in the future by the skew, which is not the leeway of exp", (t) => {
  t.is(reason(signed({ iat: NOW + 60, nbf: NOW + 60, exp: NOW + 90 })), "valid");
  t.is(reason(signed({ iat: NOW + 61, exp: NOW + 90 })), "NOT_YET_VALID");
  t.is(reason(signed({ nbf: NOW + 61 })), "NOT_YET_VALID");
});

test("a claim is accepted under any of its names, and its value reaches the subject and the rules", (t) => {
  for (const names of [{ unique_identifier: "u-1" }, { uid: "u-1" }, { user_id: "u-1", uid: "u-1" }]) {
    const verdict = verdictOn(signed({ user_id: undefined, ...names }));
    t.is(verdict.valid && verdict.subject, "u-1", JSON.stringify(names));
  }
});

test("the names of one claim with different values are CLAIM_CONFLICT", (t) => {
  t.is(
    verdictText(signed({ unique_identifier: "u-2" })),
    "CLAIM_CONFLICT: user_id and unique_identifier are names of one claim, and have different values",
  );
  t.is(reason(signed({ user_id: undefined, uid: "a", unique_identifier: "b" })), "CLAIM_CONFLICT");
});

test("an alias is checked as the claim that it stands for", (t) => {
  t.is(verdictText(signed({ user_id: undefined, uid: 7 })), "CLAIM_INVALID: user_id must be string");
  t.is(reason(signed({ user_id: undefined, uid: null })), "CLAIM_INVALID");
});

test("what is missing is reported before what is wrong", (t) => {
  t.is(verdictText(signed({ user_id: 1, room: undefined })), "CLAIM_MISSING: room is required");
});

for (const [wrong, missing, diagnosis] of [
  ["userid", "user_id", 'the claim "userid" comes close to user_id'],
  ["User-ID", "user_id", 'the claim "User-ID" comes close to user_id'],
  ["usr_ids", "user_id", 'the claim "usr_ids" comes close to user_id'],
  ["uniqueIdentifier", "user_id", 'the claim "uniqueIdentifier" comes close to unique_identifier'],
  ["rooms", "room", 'the claim "rooms" comes close to room'],
  ["account", "user_id", undefined],
  ["ro", "room", undefined],
  // A claim that the profile knows is no misspelling of another.
  ["org", "room", undefined],
  [`user_id${"_".repeat(100)}`, "user_id", undefined],
] as const) {
  test(`a token with ${wrong.slice(0, 20)} for ${missing} is ${diagnosis ? "" : "not "}said to be misspelt`, (t) => {
    const values: Record<string, unknown> = { ...CLAIMS, [missing]: undefined };
    const verdict = verdictOn(signed({ ...values, [wrong]: values[wrong] ?? "secret-value" }));
    t.false(verdict.valid);
    if (verdict.valid) return;
    t.deepEqual(verdict.rejection.reason, "CLAIM_MISSING");
    t.is(verdict.rejection.diagnosis, diagnosis);
    t.notRegex(JSON.stringify(verdict.rejection), /secret-value/);
  });
}

test("the diagnosis of a bad signature says which other reading of the secret fits", (t) => {
  const otherReading = () => "base64" as const;
  const { answerTo } = verifyingUnderTest(profileOf(DIALECT), () => ({ ...keys, otherReading }));
  const { verdict } = answerTo(signed({}, foreign), QUESTION);
  t.deepEqual(verdict.valid || verdict.rejection, {
    reason: "BAD_SIGNATURE",
    message: "the signature does not match the token",
    diagnosis: "verifies if the secret is read as base64",
  });
});

for (const [title, times, expected] of [
  ["exp in milliseconds", { exp: (NOW + 60) * 1000 }, "exp looks like milliseconds; RFC 7519 counts seconds"],
  [
    "both in milliseconds",
    { iat: NOW * 1000, exp: (NOW + 86_400) * 1000 },
    "exp and iat look like milliseconds; RFC 7519 counts seconds",
  ],
  [
    "an absolute time as the lifetime",
    { exp: NOW + NOW },
    "the lifetime looks like an absolute time; it must be a number of seconds",
  ],
  ["a life that is only too long", { exp: NOW + 31 * 86_400 }, undefined],
] as const) {
  test(`LIFETIME_EXCEEDED by ${title} is ${expected ? "explained to operators alone" : "not explained"}`, (t) => {
    const verdict = verdictOn(signed(times));
    t.deepEqual(verdict.valid || verdict.rejection, {
      reason: "LIFETIME_EXCEEDED",
      message: "a token must live at most 2592000 seconds here",
      ...(expected === undefined ? {} : { diagnosis: expected }),
    });
  });
}

test("a begin in milliseconds is in the future, and explained", (t) => {
  t.is(
    verdictText(signed({ nbf: NOW * 1000 })),
    "NOT_YET_VALID: nbf is in the future (nbf looks like milliseconds; RFC 7519 counts seconds)",
  );
});

for (const [claim, client, same] of [
  ["192.0.2.7", "192.0.2.7", true],
  ["192.0.2.7", "::ffff:192.0.2.7", true],
  ["192.0.2.7", "::FFFF:c000:207", true],
  ["::ffff:192.0.2.7", "192.0.2.7", true],
  ["192.0.2.7", "192.0.2.255", true],
  ["192.0.2.7", "192.0.3.7", false],
  ["2001:db8::1", "2001:DB8:0:0:ffff::", true],
  ["2001:db8::1", "2001:db8:0:1::1", false],
  ["192.0.2.7", "2001:db8::1", false],
  ["no address", "192.0.2.7", false],
  [7, "192.0.2.7", false],
  [undefined, "192.0.2.7", false],
] as const) {
  test(`a token of ${claim} used from ${client} is ${same ? "at its address" : "elsewhere"}`, (t) => {
    const question = { context: { room: "r-1", ip: client } };
    const enforced = (text: string) => text.replace("mode: warn", "mode: enforce");
    t.is(verdictText(signed({ ip: claim }), question), same ? "valid" : "valid IP_MISMATCH");
    const rejected = "IP_MISMATCH: the client's address is not the token's";
    t.is(verdictText(signed({ ip: claim }), question, enforced), same ? "valid" : rejected);
  });
}

test("without the client's address there is nothing to warn of", (t) => {
  t.is(verdictText(signed({ ip: "198.51.100.1" })), "valid");
});

for (const [what, context, message] of [
  ["too large", { room: "r".repeat(9_000) }, "context.room must have at most 8192 bytes of UTF-8"],
  ["ill-formed", { room: "r\uFFFD" }, "context.room must be well-formed UTF-8 (and not contain U+FFFD)"],
  [
    "a number that others read as another",
    { room: 2 ** 60 },
    "context.room must be within ±(2^53-1); a larger number belongs in a string",
  ],
] as const)
  test(`a context of a client that is ${what} is its client's fault, not the caller's`, (t) => {
    t.is(verdictText(signed(), { context }), `CONTEXT_INVALID: ${message}`);
  });

test("a context that breaks its schema is CONTEXT_INVALID, naming the field and not its value", (t) => {
  t.is(
    verdictText(signed(), { context: { room: "" } }),
    "CONTEXT_INVALID: context.room must NOT have fewer than 1 characters",
  );
  t.is(
    verdictText(signed(), { context: { room: "r-1", roof: "x" } }),
    "CONTEXT_INVALID: context.roof is not a known key (known: room, ip)",
  );
});

test("rules hold in their order, each with its reason and message", (t) => {
  const lobby = signed({ room: "r-2" });
  t.is(verdictText(lobby, { context: { room: "lobby" } }), "CONTEXT_INVALID: the lobby is no room");
  t.is(verdictText(lobby), "NOT_PERMITTED: the token is for another room");
});

test("a rule that can't be evaluated, or is not a boolean, denies with its reason, and is reported to the operator", (t) => {
  const { answerTo, failed } = verifyingUnderTest(profileOf(DIALECT), () => keys);
  t.is(reasonOf(answerTo(signed(), { ...QUESTION, context: undefined })), "CONTEXT_INVALID");
  t.deepEqual(failed, ["dialect rule 0"]);
  t.is(reasonOf(answerTo(signed(), { ...QUESTION, context: { room: "lobby" } })), "CONTEXT_INVALID");
  t.deepEqual(failed, ["dialect rule 0"], "a rule that is false has not failed");
  const noBoolean = DIALECT.replace('context.room != "lobby"', "dyn(claims.room)");
  const edited = verifyingUnderTest(profileOf(noBoolean), () => keys);
  t.is(reasonOf(edited.answerTo(signed(), QUESTION)), "CONTEXT_INVALID");
  t.deepEqual(edited.failed, ["dialect rule 0"]);
});

test("a token without jti is known by a hash of what was signed, valid or not", (t) => {
  const token = signed();
  const hash = createHash("sha256")
    .update(token.slice(0, token.lastIndexOf(".")))
    .digest("base64url");
  const verdict = verdictOn(token);
  t.is(verdict.valid && verdict.tokenId, `h.${hash}`);
  const rejected = verdictOn(token, { at: new Date((NOW - 3600) * 1000) });
  t.is(rejected.valid || rejected.identified?.tokenId, `h.${hash}`);
});

test("the reasons of the claims come in the contract's order", (t) => {
  // Each step mends the first fault that is left.
  const steps: readonly [changes: object, question: Partial<VerifyRequest>, expected: string][] = [
    [{ exp: "soon" }, {}, "CLAIM_INVALID"],
    [{ exp: NOW + 1e9, iss: "other" }, {}, "ISSUER_MISMATCH"],
    [{ iss: "platform" }, {}, "TENANT_MISMATCH"],
    [{ org: "org-1" }, {}, "LIFETIME_EXCEEDED"],
    [{ exp: NOW - 10, nbf: NOW + 100 }, {}, "NOT_YET_VALID"],
    [{ nbf: NOW, iat: 1, exp: 2 }, {}, "EXPIRED"],
    [{ exp: undefined }, {}, "TOO_OLD"],
    [{ iat: NOW }, {}, "CLAIM_MISSING"],
    [{ room: "r-2" }, {}, "CLAIM_INVALID"],
    [{ user_id: "a" }, {}, "CLAIM_CONFLICT"],
    [{ uid: "a" }, {}, "IP_MISMATCH"],
    [{}, { context: { room: 1, ip: "192.0.2.1" } }, "CONTEXT_INVALID"],
    [{}, { context: { room: "r-1", ip: "192.0.2.1" } }, "NOT_PERMITTED"],
    [{ room: "r-1" }, { context: { room: "r-1", ip: "192.0.2.1" } }, "valid"],
  ];
  const enforced = (text: string) => text.replace("mode: warn", "mode: enforce");
  let claims: object = { ...CLAIMS, org: "org-2", room: undefined, user_id: 7, uid: "b" };
  for (const [changes, question, expected] of steps) {
    claims = { ...claims, ...changes };
    const context = { room: "r-1", ip: "198.51.100.1" };
    t.is(reason(signed(claims), { context, ...question }, enforced), expected);
  }
});
