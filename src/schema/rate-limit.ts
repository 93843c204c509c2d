import type { Static } from "typebox";
import { objectSchema } from "./object-schema.ts";

/** How often something may happen: `burst` times at once, and `perSecond` times a second in the long run. */
export interface RateLimit {
  readonly perSecond: number;
  readonly burst: number;
}

/** A {@link RateLimit} in a file. */
export const RATE_LIMIT_SCHEMA = objectSchema(
  {
    per_second: { type: "number", minimum: 0.001, maximum: 1_000_000 },
    burst: { type: "integer", minimum: 1, maximum: 1_000_000 },
  },
  ["per_second", "burst"],
);

export function rateLimitOf(written: Static<typeof RATE_LIMIT_SCHEMA> | undefined): RateLimit | undefined {
  return written && { perSecond: written.per_second, burst: written.burst };
}
