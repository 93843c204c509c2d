import { type CheckBearer, createBearer } from "../../src/callers/bearer.ts";
import { createHeldKeys, type HeldKeys } from "../../src/callers/held-keys.ts";
import type { IssuerKeys } from "../../src/callers/issuer-keys.ts";
import { SVID_ALGORITHMS, trustInDomain, trustInIssuer } from "../../src/callers/trust.ts";
import { importIssuerKey } from "../../src/jose/issuer-key.ts";
import { ISSUER_ALGORITHMS, type IssuerAlgorithm } from "../../src/keys/model.ts";
import { Problem } from "../../src/problem/problem.ts";
import { TEST_ISSUER, type TestIssuer, testIssuer } from "../support/tokens/issuer.ts";

const NOW = 1_800_000_000_000;
export const SECONDS = NOW / 1000;

/** The claims of a good token. */
export const CLAIMS = { iss: TEST_ISSUER, sub: "deploy", aud: "signet", iat: SECONDS, exp: SECONDS + 3600 };
export const SVID = { sub: "spiffe://example.org/build", aud: "signet", exp: SECONDS + 3600 };

export interface BearerUnderTest {
  readonly check: CheckBearer;
  readonly issuer: TestIssuer;
  /** The keys of the issuer as the service knows them. */
  readonly held: HeldKeys;
  /** Of the trust domain example.org. */
  readonly bundle: TestIssuer;
  readonly clock: { now: number };
  /** The name and proof of the token's caller, or the reason why it has none. */
  verdict(token: string): Promise<string>;
}

const BUNDLE = { use: "jwt-svid", useOptional: false, algorithms: SVID_ALGORITHMS } as const;

/** Trusts an issuer under the alias `ci`, and the trust domain example.org. */
export async function bearerUnderTest({
  algorithms = ISSUER_ALGORITHMS as readonly IssuerAlgorithm[],
  issuer = testIssuer(),
  keysOf = (held: HeldKeys): IssuerKeys => held,
} = {}): Promise<BearerUnderTest> {
  const clock = { now: NOW };
  const bundle = testIssuer();
  const held = createHeldKeys({ use: "sig", useOptional: true, algorithms }, importIssuerKey, () => {});
  const svidKeys = createHeldKeys(BUNDLE, importIssuerKey, () => {});
  await held.replace(Buffer.from(issuer.jwks()));
  await svidKeys.replace(Buffer.from(bundle.jwks({ use: "jwt-svid" })));
  const check = createBearer({
    issuers: new Map([[TEST_ISSUER, trustInIssuer({ alias: "ci", audience: "signet", algorithms }, keysOf(held))]]),
    trustDomains: new Map([["example.org", trustInDomain("example.org", "signet", svidKeys)]]),
    own: {
      profiles: () => new Map(),
      verify() {
        throw new Error("no profile has credentials");
      },
    },
    now: () => clock.now,
  });
  return { check, issuer, held, bundle, clock, verdict: (token) => verdictOf(check, `Bearer ${token}`) };
}

export async function verdictOf(check: CheckBearer, authorization: string): Promise<string> {
  try {
    const { name, proof } = await check(authorization);
    return `${name} by ${proof}`;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return error.code === "UNAUTHENTICATED" ? String(error.metadata.reason) : error.code;
  }
}
