import { median, spread } from "./statistics.ts";
import { alignColumns } from "./text-table.ts";

/** What is to be reached, and what was measured. */
export interface Goal {
  readonly what: string;
  /** Undefined: it is only shown. */
  readonly bar?: { readonly atMost: number } | { readonly atLeast: number };
  /** One value for each round. A ratio is that of two figures of the same round. */
  readonly measured: readonly number[];
  /** What to know beside it. */
  readonly note?: string;
}

export type Verdict = "met" | "missed" | "shown" | "unjudged";

/** Judges the median of the rounds. Without a round nothing is judged. */
export function verdictOf({ bar, measured }: Goal): Verdict {
  const middle = median(measured);
  if (Number.isNaN(middle)) return "unjudged";
  if (bar === undefined) return "shown";
  const isMet = "atMost" in bar ? middle <= bar.atMost : middle >= bar.atLeast;
  return isMet ? "met" : "missed";
}

export function formatGoals(goals: readonly Goal[]): string {
  const rows = goals.map((goal) => {
    const { what, measured, note = "" } = goal;
    return [
      verdictOf(goal),
      what,
      barOf(goal),
      format(median(measured)),
      rangeOf(measured),
      `${measured.length}`,
      note,
    ];
  });
  return alignColumns([["", "goal", "bar", "measured", "min..max", "rounds", ""], ...rows], 2);
}

function barOf({ bar }: Goal): string {
  if (bar === undefined) return "";
  return "atMost" in bar ? `<= ${bar.atMost}` : `>= ${bar.atLeast}`;
}

function rangeOf(measured: readonly number[]): string {
  return measured.length === 0 ? "" : spread(measured, digitsOf(median(measured)));
}

function format(value: number): string {
  return Number.isNaN(value) ? "no quiet round" : value.toFixed(digitsOf(value));
}

const digitsOf = (value: number): number => (value < 20 ? 2 : 0);
