import type { Duration } from "../../gen/google/protobuf/duration.ts";

interface Codec<T> {
  toJSON(message: T): unknown;
}

/**
 * Canonical proto-JSON, as grpcurl prints it. ts-proto's own differs in three places: a Duration is an object there,
 * a Timestamp always has milliseconds, and an enum value of a newer server has no number.
 */
export function protoJson<T>(codec: Codec<T>, message: T): unknown {
  return canonical(codec.toJSON(message), message);
}

/**
 * Walks the JSON beside the message that it was made from: only the message tells a Timestamp from a claim that looks
 * like one.
 */
function canonical(json: unknown, message: unknown): unknown {
  if (message instanceof Date) return timestampText(message);
  if (isDuration(message)) return durationText(message);
  if (typeof message === "number" && json === "UNRECOGNIZED") return message;
  if (Array.isArray(json) && Array.isArray(message)) return json.map((item, index) => canonical(item, message[index]));
  if (!isRecord(json) || !isRecord(message)) return json;
  return Object.fromEntries(Object.entries(json).map(([name, value]) => [name, canonical(value, message[name])]));
}

/** RFC 3339 in UTC, with milliseconds only where there are some. */
export function timestampText(time: Date): string {
  return time.toISOString().replace(".000Z", "Z");
}

/** Seconds with 0, 3, 6 or 9 digits after the point, and "s". */
export function durationText({ seconds, nanos }: Duration): string {
  const sign = seconds < 0n || nanos < 0 ? "-" : "";
  const fraction = String(Math.abs(nanos))
    .padStart(9, "0")
    .replace(/(000)+$/, "");
  return `${sign}${seconds < 0n ? -seconds : seconds}${fraction === "" ? "" : `.${fraction}`}s`;
}

function isDuration(value: unknown): value is Duration {
  return isRecord(value) && typeof value.seconds === "bigint" && typeof value.nanos === "number";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** A google.protobuf.Duration of so many milliseconds. */
export function durationMessage(ms: number): { seconds: bigint; nanos: number } {
  return { seconds: BigInt(Math.floor(ms / 1_000)), nanos: (ms % 1_000) * 1_000_000 };
}
