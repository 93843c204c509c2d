const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of `500ms`, `90s`, `15m`, `24h`, `30d`: one number and one unit. Undefined for any other text. */
export function durationMs(text: string): number | undefined {
  const match = /^(\d{1,12})(ms|s|m|h|d)$/.exec(text);
  if (match === null) return undefined;
  const ms = Number(match[1]) * (UNITS[match[2] ?? ""] ?? Number.NaN);
  return Number.isSafeInteger(ms) ? ms : undefined;
}

/**
 * Milliseconds of a duration that a schema with `duration: true` has accepted.
 *
 * @throws RangeError for any other text: the schema does not match the code.
 */
export function msOf(duration: string): number {
  const ms = durationMs(duration);
  if (ms === undefined) throw new RangeError("not a duration: its schema must have `duration: true`");
  return ms;
}

/** Whole seconds of a duration that a schema has accepted; `onFraction` gets the fault of one that has a fraction. */
export function wholeSeconds(duration: string, onFraction: (message: string) => void): number {
  const ms = msOf(duration);
  if (ms % 1000 !== 0) onFraction("must be whole seconds");
  return ms / 1000;
}

/** Milliseconds in the largest unit that divides them: 1020000 is `17m`. */
export function formatDuration(ms: number): string {
  const [unit = "ms", size = 1] = Object.entries(UNITS).findLast(([, size]) => ms % size === 0) ?? [];
  return `${ms / size}${unit}`;
}
