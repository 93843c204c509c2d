import type { ProfileLifetime } from "./profile.ts";

/** How long after its `iat` the last token of a profile may be accepted, in seconds, beside the leeway. */
export function longestLife({ max, extended, exp, maxAge }: ProfileLifetime): number {
  return Math.max(extended?.max ?? max, exp === "required" ? 0 : (maxAge ?? 0));
}
