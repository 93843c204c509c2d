import { createVerifiedCache } from "../../src/token/verified-cache.ts";

/** Nothing was taken back, and nothing is remembered: for a single verification. */
export const UNREVOKED = { isRevoked: () => false, cache: createVerifiedCache(0) };

/** The same for the verifying service. */
export const NO_REVOCATIONS = {
  revocations: { has: () => false, viewAgeMs: () => 0 },
  cache: createVerifiedCache(0),
};
