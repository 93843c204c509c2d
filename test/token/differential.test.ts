import test from "ava";
import fc from "fast-check";
import { decodeProtectedHeader, jwtVerify } from "jose";
import { MAX_TOKEN_LENGTH } from "../../src/token/verify/compact.ts";
import { verifyToken } from "../../src/token/verify/verify.ts";
import { ISSUER, serviceProfile } from "../support/profiles/profiles.ts";
import { forge } from "../support/tokens/foreign-token.ts";
import { UNREVOKED } from "../support/tokens/no-revocations.ts";
import { oneKey } from "../support/tokens/token-keys.ts";

/*
 * jose is the oracle: whatever it rejects, Signet must reject, and whatever Signet accepts, jose must accept. The other
 * way round Signet is stricter, and what it rejects alone must be for one of the reasons where jose is known to be
 * lenient.
 */
const profile = serviceProfile();
const { keys, kid, privateKey, publicKey } = oneKey();
const NOW = 1_800_000_000;
const HEADER = { alg: "EdDSA", typ: "at+jwt", kid };
const CLAIMS = { iss: ISSUER, sub: "alice", aud: "api", client_id: "c", iat: NOW, exp: NOW + 300, jti: "id" };
const EXPECTED = {
  profile,
  keys,
  tenant: "",
  audience: "api",
  context: {},
  now: NOW * 1000,
  at: NOW * 1000,
  ...UNREVOKED,
};
const STRICTER = new Set([
  "MALFORMED",
  "HEADER_INVALID",
  "CLAIM_INVALID",
  "LIFETIME_EXCEEDED",
  "NOT_YET_VALID",
  "CLAIM_MISSING",
  "TOO_LARGE",
]);

const anyValue = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom(
    NOW,
    NOW - 301,
    NOW + 300,
    NOW + 1e6,
    Number.POSITIVE_INFINITY,
    -1,
    0,
    0.5,
    "",
    "api",
    ["api"],
    [],
    null,
    ISSUER,
    "EdDSA",
    "none",
    "at+jwt",
  ),
);
const changed = <T extends object>(base: T, names: readonly string[]) =>
  fc
    .dictionary(fc.constantFrom(...names, ...Object.keys(base)), fc.oneof(anyValue, fc.constant(undefined)), {
      maxKeys: 2,
    })
    .map((changes) => ({ ...base, ...changes }));
const mutation = fc.oneof(
  { weight: 3, arbitrary: fc.constant(undefined) },
  fc.record({ at: fc.nat(), code: fc.constantFrom(..."Aa0-_.= +/\n") }),
);
const tokens = fc
  .record({
    header: changed(HEADER, ["crit", "jwk", "b64", "x"]),
    claims: changed(CLAIMS, ["nbf", "x"]),
    mutation,
  })
  .map(({ header, claims, mutation }) => {
    const token = forge(header, claims, privateKey);
    if (mutation === undefined) return token;
    const at = mutation.at % token.length;
    return token.slice(0, at) + mutation.code + token.slice(at + 1);
  });

async function oracle(token: string): Promise<boolean> {
  try {
    if (decodeProtectedHeader(token).kid !== kid) return false;
    await jwtVerify(token, publicKey, {
      algorithms: ["EdDSA"],
      typ: "at+jwt",
      issuer: ISSUER,
      audience: "api",
      clockTolerance: 60,
      currentDate: new Date(NOW * 1000),
      requiredClaims: ["exp"],
    });
    return true;
  } catch {
    return false;
  }
}

test("Signet accepts nothing that jose rejects, and rejects more only where jose is known to be lenient", async (t) => {
  const seen = { both: 0, neither: 0, stricter: 0 };
  await fc.assert(
    fc.asyncProperty(tokens, async (token) => {
      const verdict = verifyToken({ token, maxLength: MAX_TOKEN_LENGTH }, EXPECTED);
      const accepted = await oracle(token);
      if (verdict.valid) {
        seen.both += 1;
        return accepted;
      }
      seen[accepted ? "stricter" : "neither"] += 1;
      return !accepted || STRICTER.has(verdict.rejection.reason);
    }),
    { numRuns: 3000 },
  );
  t.true(seen.both > 100 && seen.neither > 100 && seen.stricter > 10, JSON.stringify(seen));
});
