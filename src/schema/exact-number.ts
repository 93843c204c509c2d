/** What a number must be, as the end of a sentence that begins with its name. */
export const MUST_BE_IN_RANGE = "must be within ±(2^53-1)";
/** The same for a number that need not be one. */
export const MUST_BE_EXACT = `${MUST_BE_IN_RANGE}; a larger number belongs in a string`;

/**
 * Whether a parsed number surely is the one that was written. Beyond ±(2^53-1) a double has no place for every integer
 * (RFC 8259, 6): 9007199254740993 is read as …992, which may be another's id. False for NaN and infinite numbers too.
 */
export function isExact(number: number): boolean {
  return Math.abs(number) <= Number.MAX_SAFE_INTEGER;
}
