const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of `500ms`, `90s`, `15m`, `24h`, `30d`, or undefined for anything else. One number and one unit. */
export function durationMs(text: string): number | undefined {
  const match = /^(\d{1,12})(ms|s|m|h|d)$/.exec(text);
  if (match === null) return undefined;
  const ms = Number(match[1]) * (UNITS[match[2] ?? ""] ?? Number.NaN);
  return Number.isSafeInteger(ms) ? ms : undefined;
}

/** Milliseconds in the largest unit that holds them without a rest: 1020000 is `17m`. */
export function formatDuration(ms: number): string {
  const [unit = "ms", size = 1] = Object.entries(UNITS).findLast(([, size]) => ms % size === 0) ?? [];
  return `${ms / size}${unit}`;
}

/** The seconds of a duration that the schema has accepted; `refuse` gets the reason when they are not whole. */
export function wholeSeconds(text: string, refuse: (reason: string) => void): number {
  const ms = durationMs(text) ?? 0;
  if (ms % 1000 !== 0) refuse("must be whole seconds");
  return ms / 1000;
}
