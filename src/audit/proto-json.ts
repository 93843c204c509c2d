/** Values of canonical proto3 JSON. A default is left out: undefined, which `JSON.stringify` skips. */

export function text(value: string): string | undefined {
  return value === "" ? undefined : value;
}

export function list(values: readonly string[]): readonly string[] | undefined {
  return values.length === 0 ? undefined : values;
}

export function flag(value: boolean): true | undefined {
  return value || undefined;
}

export function int32(value: number): number | undefined {
  return value || undefined;
}

/** A string: JSON numbers lose precision beyond 2⁵³. */
export function int64(value: number): string | undefined {
  return value === 0 ? undefined : String(value);
}

export function base64(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return undefined;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

/** Unix milliseconds as RFC 3339, with a fraction only where the time is not a whole second. */
export function timestamp(millis: number): string {
  const rest = millis % 1000;
  const second = wholeSecond(millis - rest);
  return rest === 0 ? `${second}Z` : `${second}.${String(rest).padStart(3, "0")}Z`;
}

export function optionalTimestamp(millis: number | undefined): string | undefined {
  return millis === undefined ? undefined : timestamp(millis);
}

// Thousands of events share a second, and formatting a date costs more than all other fields of an event together.
const seconds = new Map<number, string>();

function wholeSecond(millis: number): string {
  let formatted = seconds.get(millis);
  if (formatted === undefined) {
    if (seconds.size === 64) seconds.clear();
    formatted = new Date(millis).toISOString().slice(0, -5);
    seconds.set(millis, formatted);
  }
  return formatted;
}
