import type { Row } from "./measure.ts";
import { median } from "./statistics.ts";
import { ratios } from "./table.ts";

/** The service must be this many times as fast as the obvious version. */
const BAR = 1.5;
/** The service should reach this share of the throughput of one raw signature per call. */
const GOAL = 0.85;

export interface Verdict {
  readonly toObvious: number;
  readonly toLimit: number;
  readonly passed: boolean;
}

/** Judges the throughput of IssueToken by the medians of the ratios within each round. */
export function judge(rows: readonly Row[]): Verdict {
  const toObvious = ratioTo("obvious", rows);
  return { toObvious, toLimit: ratioTo("limit", rows), passed: toObvious >= BAR };
}

export function formatVerdict({ toObvious, toLimit, passed }: Verdict): string {
  return [
    `${passed ? "pass" : "FAIL"}  IssueToken signet/obvious ${toObvious.toFixed(2)}, bar ${BAR}`,
    `${toLimit >= GOAL ? "met " : "miss"}  IssueToken signet/limit ${toLimit.toFixed(2)}, goal ${GOAL}`,
  ].join("\n");
}

function ratioTo(name: string, rows: readonly Row[]): number {
  const signet = rows.find((row) => row.name === "signet");
  const other = rows.find((row) => row.name === name);
  if (!signet || !other) throw new Error(`no row for signet and ${name}`);
  return median(ratios(signet, other));
}
