import type { Duration } from "../../gen/google/protobuf/duration.ts";
import { printableJson } from "./safe-text.ts";

interface Codec<T> {
  toJSON(message: T): unknown;
}

/**
 * Canonical proto-JSON, as grpcurl prints it: an indented document with a final line break. The JSON of ts-proto
 * differs in three ways: a Duration is an object, a Timestamp always has milliseconds, and an enum value of a newer
 * server has no number.
 */
export function protoJsonText<T>(codec: Codec<T>, message: T): string {
  return `${printableJson(canonical(codec.toJSON(message), message))}\n`;
}

/**
 * Walks the JSON together with the message that it was made from, since only the message distinguishes a Timestamp from
 * a claim that looks like one.
 */
function canonical(json: unknown, message: unknown): unknown {
  if (message instanceof Date) return timestampText(message);
  if (isDuration(message)) return durationText(message);
  if (typeof message === "number" && json === "UNRECOGNIZED") return message;
  if (Array.isArray(json) && Array.isArray(message)) return json.map((item, index) => canonical(item, message[index]));
  if (!isRecord(json) || !isRecord(message)) return json;
  return Object.fromEntries(Object.entries(json).map(([name, value]) => [name, canonical(value, message[name])]));
}

/** RFC 3339 in UTC, with milliseconds only if they are not zero. */
export function timestampText(time: Date): string {
  return time.toISOString().replace(".000Z", "Z");
}

/** Proto-JSON of a Duration: seconds with 0, 3, 6 or 9 decimals, and "s". */
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

/** Converts milliseconds to a google.protobuf.Duration. */
export function durationMessage(ms: number): { seconds: bigint; nanos: number } {
  return { seconds: BigInt(Math.floor(ms / 1_000)), nanos: (ms % 1_000) * 1_000_000 };
}
