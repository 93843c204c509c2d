import { createVerifiedCache } from "../../../src/token/verify/cache.ts";

/** No revocations, no cache and no reports, for a single verification. */
export const UNREVOKED = { isRevoked: () => false, cache: createVerifiedCache(0), onExpressionError: () => {} };

/** The same for VerifyToken. */
export const NO_REVOCATIONS = {
  revocations: { has: () => false, viewAgeMs: () => 0 },
  cache: createVerifiedCache(0),
};
