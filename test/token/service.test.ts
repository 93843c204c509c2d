import test from "ava";
import type { TokenKeys } from "../../src/token/keys.ts";
import { Problem } from "../../src/token/problem.ts";
import { tokenService, type VerifyQuestion } from "../../src/token/service.ts";
import { forge } from "../support/forge.ts";
import { ISSUER, serviceProfile } from "../support/profiles.ts";
import { oneKey } from "../support/token-keys.ts";

const profile = serviceProfile();
const NOW = 1_800_000_000;
const known = oneKey();
const claims = { iss: ISSUER, sub: "a", aud: "api", client_id: "c", iat: NOW, exp: NOW + 9, jti: "i" };
const token = forge({ alg: "EdDSA", typ: "at+jwt", kid: known.kid }, claims, known.privateKey);

function makeService(keys: TokenKeys = known.keys) {
  const rejected: string[] = [];
  const service = tokenService({
    profiles: new Map([["service", profile]]),
    keysOf: () => keys,
    issuer: () => Promise.reject(new Problem("NO_SIGNING_KEY", "none")),
    now: () => NOW * 1000,
    observer: {
      issued: () => {},
      denied: (name, caller) => rejected.push(`denied ${name} ${caller}`),
      rejected: (_, reason) => rejected.push(reason),
    },
  });
  const ask = (question: Partial<VerifyQuestion> = {}) =>
    service.verify({ profile: "service", token, audience: "api", ...question });
  return { service, rejected, ask };
}

function problemOf(run: () => unknown): Problem {
  try {
    run();
  } catch (error) {
    if (error instanceof Problem) return error;
  }
  throw new Error("no problem");
}

test("a profile that does not exist is not found, and an absent one is a bad field", (t) => {
  const { ask } = makeService();
  t.is(problemOf(() => ask({ profile: "other" })).code, "PROFILE_NOT_FOUND");
  t.deepEqual(problemOf(() => ask({ profile: "" })).violations, [{ field: "profile", description: "is required" }]);
});

test("an absent token and an absent audience are told together, never skipped", (t) => {
  const { violations } = problemOf(() => makeService().ask({ token: undefined, audience: "" }));
  t.deepEqual(
    violations.map(({ field }) => field),
    ["token", "audience"],
  );
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
  const answer = makeService(keys).ask();
  t.true(answer instanceof Promise);
  t.true((await answer).verdict.valid);
});

test("a kid that the reload does not find either is UNKNOWN_KEY, counted once", async (t) => {
  const { ask, rejected } = makeService({
    ...known.keys,
    verifier: () => ({ state: "unknown" }),
    reload: async () => {},
  });
  const { verdict } = await ask();
  t.is(verdict.valid ? "valid" : verdict.rejection.reason, "UNKNOWN_KEY");
  t.deepEqual(rejected, ["UNKNOWN_KEY"]);
});

test("while the store can't be read an unknown kid is unavailable, not invalid", async (t) => {
  const keys: TokenKeys = {
    ...known.keys,
    verifier: () => ({ state: "unknown" }),
    reload: () => Promise.reject(new Error("down")),
  };
  const error = await t.throwsAsync(async () => makeService(keys).ask(), { instanceOf: Problem });
  t.is(error.code, "KEYS_UNAVAILABLE");
  t.truthy(error.retryAfterMs);
});

test("a refusal to issue is told with the profile only when that exists", async (t) => {
  const { service, rejected } = makeService();
  const request = { subject: "s", audience: ["a"], ttl: undefined, claims: undefined };
  await t.throwsAsync(service.issue("service", request, "c"));
  await t.throwsAsync(service.issue("secret-name", request, "c"));
  t.deepEqual(rejected, ["denied service c", "denied  c"]);
});
