import type { Row, Sample } from "./measure.ts";
import { median } from "./statistics.ts";

const headings = (ratio: string) => [
  "",
  ratio,
  "min..max",
  "calls/s",
  "CPU us/call",
  "p50 ms",
  "p99 ms",
  "client p99",
  "settle ms",
  "RSS MiB",
];

/** A table of the medians over all rounds. The ratios are to the first row in the same round. */
export function formatTable(rows: readonly Row[], ratio = "of echo"): string {
  const [first] = rows;
  const heading = headings(ratio);
  const lines = [heading, ...rows.map((row) => cells(row, first ?? row))];
  const widths = heading.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) =>
      line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  "),
    )
    .join("\n");
}

/** The throughput of `row` divided by that of `other`, for each round. */
export function ratios(row: Row, other: Row): number[] {
  return row.samples.map((sample, i) => sample.callsPerSecond / (other.samples[i]?.callsPerSecond ?? Number.NaN));
}

function cells(row: Row, first: Row): string[] {
  const ofFirst = ratios(row, first);
  const middle = (value: (sample: Sample) => number, digits: number) => median(row.samples.map(value)).toFixed(digits);
  return [
    row.name,
    median(ofFirst).toFixed(2),
    `${Math.min(...ofFirst).toFixed(2)}..${Math.max(...ofFirst).toFixed(2)}`,
    middle((sample) => sample.callsPerSecond, 0),
    middle((sample) => sample.cpuMicrosecondsPerCall, 1),
    middle((sample) => sample.p50, 2),
    middle((sample) => sample.p99, 2),
    middle((sample) => sample.lateness, 2),
    middle((sample) => sample.settling, 0),
    middle((sample) => sample.residentMebibytes, 0),
  ];
}
