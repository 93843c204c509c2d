import { createVerifiedCache } from "../../../src/token/verify/cache.ts";

/** Nothing was taken back, nothing is remembered, and nobody is told: for a single verification. */
export const UNREVOKED = { isRevoked: () => false, cache: createVerifiedCache(0), onExpressionError: () => {} };

/** The same for the verifying service. */
export const NO_REVOCATIONS = {
  revocations: { has: () => false, viewAgeMs: () => 0 },
  cache: createVerifiedCache(0),
};
