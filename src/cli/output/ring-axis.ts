import type { Colour } from "./colour.ts";

/** Maps a span of time to columns of a terminal. Times are in Unix milliseconds. */
export interface Axis {
  readonly columns: number;
  /** The first moment of a column. The column may lie beyond either end of the axis. */
  startOf(column: number): number;
  /** The column of a moment, clamped to the first and the last column. */
  columnOf(time: number): number;
  /** The tick labels in one line: the distance of each tick from now. */
  readonly labels: string;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEPS = [
  ...[1, 2, 5, 10, 30].map((count) => count * SECOND),
  ...[1, 2, 5, 10, 30].map((count) => count * MINUTE),
  ...[1, 2, 6, 12].map((count) => count * HOUR),
  ...[1, 2, 7, 30, 90, 365].map((count) => count * DAY),
];
const LABEL_COLUMNS = 9;

export function createAxis(from: number, until: number, now: number, columns: number): Axis {
  // At least a millisecond per column, for a ring whose times are all the same.
  const span = Math.max(until - from, columns);
  const startOf = (column: number) => from + (column * span) / columns;
  const columnOf = (time: number) => Math.min(Math.max(Math.floor(((time - from) * columns) / span), 0), columns - 1);
  return { columns, startOf, columnOf, labels: labels(from, from + span, now, columns, columnOf) };
}

function labels(from: number, until: number, now: number, columns: number, columnOf: Axis["columnOf"]): string {
  const most = Math.max(1, Math.floor(columns / LABEL_COLUMNS));
  const step = STEPS.find((size) => (until - from) / size <= most) ?? 365 * DAY;
  const line = new Array<string>(columns).fill(" ");
  // From now outwards: "now" is always labelled, and other ticks only where they fit.
  const first = Math.ceil((from - now) / step);
  const last = Math.floor((until - now) / step);
  const ticks = Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
  for (const tick of ticks.toSorted((left, right) => Math.abs(left) - Math.abs(right)))
    write(line, columnOf(now + tick * step), tickText(tick * step));
  return line.join("").trimEnd();
}

function write(line: string[], column: number, text: string): void {
  const start = Math.min(Math.max(column - (text.length >> 1), 0), line.length - text.length);
  const taken = line.slice(Math.max(start - 1, 0), start + text.length + 1).some((cell) => cell !== " ");
  if (start >= 0 && !taken) line.splice(start, text.length, ...text);
}

function tickText(offset: number): string {
  if (offset === 0) return "now";
  const size = Math.abs(offset);
  const [unit, length] =
    size % DAY === 0
      ? ["d", DAY]
      : size % HOUR === 0
        ? ["h", HOUR]
        : size % MINUTE === 0
          ? ["m", MINUTE]
          : ["s", SECOND];
  return `${offset < 0 ? "-" : "+"}${size / length}${unit}`;
}

/** What a key does at a moment, according to its times. */
export type Stage = "published" | "signing" | "verifying" | "standby" | "revoked";

/** The characters of a timeline, each one column wide. */
export interface Marks {
  readonly stages: Readonly<Record<Stage, string>>;
  readonly now: string;
}

const UNICODE: Marks = {
  stages: { published: "░", signing: "█", verifying: "▒", standby: "·", revoked: "✗" },
  now: "│",
};
const ASCII: Marks = { stages: { published: "-", signing: "#", verifying: "=", standby: ".", revoked: "x" }, now: "|" };

export const STAGE_COLOUR: Readonly<Record<Stage, Colour>> = {
  published: "yellow",
  signing: "green",
  verifying: "dim",
  standby: "dim",
  revoked: "red",
};

/** Chooses by the locale, as POSIX says: the first of the three variables that is set. Without UTF-8, plain ASCII. */
export function chooseMarks(env: Readonly<Record<string, string | undefined>>): Marks {
  const locale = [env.LC_ALL, env.LC_CTYPE, env.LANG].find((value) => value !== undefined && value !== "") ?? "";
  return /utf-?8/i.test(locale) ? UNICODE : ASCII;
}
