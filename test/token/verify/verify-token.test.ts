import test from "ava";
import type { TokenKeys } from "../../../src/keys/token-keys.ts";
import { Problem } from "../../../src/problem/problem.ts";
import { thrownProblem, thrownViolations } from "../../support/problems.ts";
import { ISSUER, profileOf, serviceProfile } from "../../support/profiles/profiles.ts";
import { forge } from "../../support/tokens/foreign-token.ts";
import { oneKey } from "../../support/tokens/token-keys.ts";
import { carried, NOW, reasonOf, verifyingUnderTest } from "../../support/tokens/verifying-under-test.ts";

const known = oneKey();
const claims = { iss: ISSUER, sub: "a", aud: "api", client_id: "c", iat: NOW, exp: NOW + 9, jti: "i" };
const token = forge({ alg: "EdDSA", typ: "at+jwt", kid: known.kid }, claims, known.privateKey);
const audience = "api";

const service = (keys: TokenKeys = known.keys) => verifyingUnderTest(serviceProfile(), () => keys);

/** A profile that takes all that a question can hold. */
const DEMANDING = `
profile: demanding
tenant: { claim: tnd }
keys: { keyset: demanding, algorithm: EdDSA }
lifetime: { exp: required, default: 5m, max: 1h }
request: { type: object }
claims: [{ name: iss, from: issuer }, { name: aud, from: audience }, { name: tnd, from: tenant }, { name: exp, from: expires_at }, { name: ip, from: client_ip }]
accept: { type: object }
context: { type: object, properties: { ip: { type: string } } }
ip: { mode: enforce, claim: ip }
carriers: [{ in: query, name: token }]
`;
const demanding = verifyingUnderTest(profileOf(DEMANDING), () => known.keys);

test("a profile that does not exist is not found, and an absent one is a bad field", (t) => {
  const { ask } = service();
  t.is(thrownProblem(() => ask(token, { profile: "other" })).code, "PROFILE_NOT_FOUND");
  t.deepEqual(
    thrownViolations(() => ask(token, { profile: "" })),
    { profile: "is required" },
  );
});

test("all absent fields are named together, never skipped", (t) => {
  t.deepEqual(
    thrownViolations(() => demanding.ask("", { credential: undefined })),
    {
      token: "is required, or a carrier",
      tenant: "is required",
      audience: "is required",
      "context.ip": "is required",
    },
  );
});

test("all fields that a profile does not use are named together, never ignored", (t) => {
  const profile = profileOf(DEMANDING.replace(/tenant.*|context.*|ip:.*|carriers.*|\{ name: (aud|tnd).*?\},/g, ""));
  const { ask } = verifyingUnderTest(profile, () => known.keys);
  const credential = { $case: "carrier", value: carried({ query: [{ name: "token", value: token }] }) } as const;
  t.deepEqual(
    thrownViolations(() => ask("", { credential, tenant: "t", audience, context: {} })),
    {
      carrier: "is not used by this profile",
      tenant: "is not used by this profile",
      audience: "is not used by this profile",
      context: "is not used by this profile",
    },
  );
});

test("what a question says is bounded, field by field", (t) => {
  const pairs = Array.from({ length: 65 }, (_, index) => ({ name: `n${index}`, value: "" }));
  const question = {
    credential: { $case: "carrier", value: carried({ query: pairs.slice(0, 64), headers: pairs.slice(64) }) },
    tenant: "t\n",
    audience,
    context: { ip: "localhost" },
    at: new Date(NOW * 1000 + 1),
  } as const;
  t.deepEqual(
    thrownViolations(() => demanding.ask("", question)),
    {
      carrier: "must have at most 64 pairs",
      tenant: "must not contain control characters",
      "context.ip": "must be an IPv4 or IPv6 address",
      at: "must be a time that is not in the future",
    },
  );
});

test("a time beyond what a date can hold is a bad field", (t) => {
  t.deepEqual(
    thrownViolations(() => service().ask(token, { audience, at: new Date(Number.NaN) })),
    { at: "must be a time that is not in the future" },
  );
});

test("`at` may be now, and judges a token as of then", (t) => {
  const { answerTo } = service();
  t.is(reasonOf(answerTo(token, { audience, at: new Date(NOW * 1000) })), "valid");
  t.is(reasonOf(answerTo(token, { audience, at: new Date((NOW - 3600) * 1000) })), "NOT_YET_VALID");
});

test("a token that is judged in the past is judged with the keys of today", (t) => {
  const asked: number[] = [];
  const verifier: TokenKeys["verifier"] = (kid, now) => {
    asked.push(now);
    return known.keys.verifier(kid, now);
  };
  const { answerTo } = service({ ...known.keys, verifier });
  t.is(reasonOf(answerTo(token, { audience, at: new Date((NOW - 30) * 1000) })), "valid");
  t.deepEqual(asked, [NOW * 1000]);
});

test("the keys are those of the profile and of the tenant that the verifier names", (t) => {
  const asked: string[] = [];
  const { answerTo } = verifyingUnderTest(profileOf(DEMANDING), (tenant) => {
    asked.push(tenant);
    return known.keys;
  });
  answerTo(token, { tenant: "t-1", audience, context: { ip: "192.0.2.1" } });
  t.deepEqual(asked, ["t-1"]);
});

test("a key that appears in the store is found by the reload that its first token causes", async (t) => {
  let there = false;
  const keys: TokenKeys = {
    ...known.keys,
    verifier: (kid, now) => (there ? known.keys.verifier(kid, now) : { state: "unknown" }),
    reload: async () => {
      there = true;
    },
  };
  const answer = service(keys).ask(token, { audience });
  t.true(answer instanceof Promise);
  t.is(reasonOf(await answer), "valid");
});

test("a kid that the reload does not find either is UNKNOWN_KEY, counted once", async (t) => {
  const { ask, rejected } = service({
    ...known.keys,
    verifier: () => ({ state: "unknown" }),
    reload: async () => {},
  });
  t.is(reasonOf(await ask(token, { audience })), "UNKNOWN_KEY");
  t.deepEqual(rejected, ["service UNKNOWN_KEY"]);
});

test("while the store can't be read an unknown kid is unavailable, not invalid", async (t) => {
  const { ask } = service({
    ...known.keys,
    verifier: () => ({ state: "unknown" }),
    reload: () => Promise.reject(new Error("down")),
  });
  const error = await t.throwsAsync(async () => ask(token, { audience }), { instanceOf: Problem });
  t.is(error.code, "KEYS_UNAVAILABLE");
  t.is(error.retryAfterMs, 1_000);
});
