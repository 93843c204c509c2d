/** The most sessions that one counter holds, so that it fits into one entry of the store. */
export const MOST_SESSIONS = 10_000;

/** The names of members, from a claim down. */
type ClaimPath = readonly string[];

/**
 * How many sessions may be open at once. Both paths lead into the claims with aliases resolved. A valid token may lack
 * the claims, and must then open no session.
 */
export interface SessionRule {
  /** The greatest number, from 1 to 10 000, or where a token has it, in the same bounds. Undefined: any number. */
  readonly limit: number | ClaimPath | undefined;
  /** What counts together: sessions under one token, of one subject, or with the same text or integer at the path. */
  readonly by: "token" | "subject" | ClaimPath;
}
