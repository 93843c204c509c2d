import { rowOf } from "./rows.ts";
import type { TestResult } from "./tap.ts";

/** The printed lines, and whether every row passes. */
export interface Report {
  readonly lines: readonly string[];
  readonly ok: boolean;
}

const STATES = ["pass", "FAIL", "SKIPPED", "TODO", "NO TEST"] as const;
type State = (typeof STATES)[number];

/**
 * One line for each row, in order, with its id, its state and its text, then the totals. A row passes when it has tests
 * and all of them pass. A failed test without a row, and any test of a row that is not in the list, get a line of their
 * own.
 */
export function report(rows: readonly string[], results: readonly TestResult[]): Report {
  const byRow = Map.groupBy(results, ({ title }) => rowOf(title)?.row);
  const judged = rows.map((row) => ({ row, results: byRow.get(row) ?? [] })).map(judge);
  const strays = [...byRow]
    .filter(([row]) => row === undefined || !rows.includes(row))
    .flatMap(([row, results]) => results.filter(({ outcome }) => row !== undefined || outcome === "failed"))
    .map(({ title }) => `FAIL, not in the list of rows: ${title}`);
  const counts = Map.groupBy(judged, ({ state }) => state);
  const totals = STATES.map((state) => ({ state, count: counts.get(state)?.length ?? 0 }))
    .filter(({ state, count }) => count > 0 || state === "pass" || state === "FAIL")
    .map(({ state, count }) => `${count} ${state}`);
  return {
    lines: [...judged.map(({ line }) => line), ...strays, `${rows.length} rows: ${totals.join(", ")}`],
    ok: strays.length === 0 && judged.every(({ state }) => state === "pass"),
  };
}

function judge({ row, results }: { row: string; results: readonly TestResult[] }): { state: State; line: string } {
  const state = stateOf(results);
  const text = textOf(results);
  return { state, line: `${row} ${state}${text === "" ? "" : `: ${text}`}${failures(results)}` };
}

function stateOf(results: readonly TestResult[]): State {
  const has = (outcome: TestResult["outcome"]) => results.some((result) => result.outcome === outcome);
  if (has("failed")) return "FAIL";
  if (has("skipped")) return "SKIPPED";
  if (has("todo")) return "TODO";
  return has("passed") ? "pass" : "NO TEST";
}

/** What the row says: the titles of its tests, without those of its parts unless it has no others. */
function textOf(results: readonly TestResult[]): string {
  const titles = results.flatMap(({ title }) => rowOf(title) ?? []);
  const whole = titles.filter(({ part }) => part === "");
  return (whole.length > 0 ? whole : titles).map(({ text }) => text).join("; ");
}

function failures(results: readonly TestResult[]): string {
  return results
    .filter(({ outcome }) => outcome === "failed")
    .map(({ title }) => `\n    ${title}`)
    .join("");
}
