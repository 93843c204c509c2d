import type { IncomingHttpHeaders } from "node:http2";

const NAME = "grpc-timeout";
/** At most eight digits and a unit, by the protocol of gRPC. grpc-js also takes the last eight digits of more. */
const TIMEOUT = /^(\d{1,8})([HMSmun])$/;
const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };
/** grpc-js keeps the 32 bits of a longer time, which may be none at all. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Bounds the deadline of a call, in place, before grpc-js reads it. Without a deadline, or with a longer one, a call
 * gets `longestMs`; undefined: it may stay open for as long as its client likes.
 */
export function boundDeadline(headers: IncomingHttpHeaders, longestMs: number | undefined): void {
  const asked = timeoutMs(headers[NAME]);
  if (asked !== undefined && asked <= (longestMs ?? LONGEST_TIMER_MS)) return;
  if (longestMs !== undefined) headers[NAME] = `${longestMs}m`;
  else delete headers[NAME];
}

/** Undefined for no time, and for what the protocol does not allow. */
function timeoutMs(value: string | string[] | undefined): number | undefined {
  const [, digits, unit = ""] = (typeof value === "string" && TIMEOUT.exec(value)) || [];
  return digits === undefined ? undefined : Number(digits) * (UNIT_MS[unit] ?? 0);
}
