import type { Colour } from "./colour.ts";

/** A stretch of time on so many columns of a terminal. Times in Unix milliseconds. */
export interface Axis {
  readonly columns: number;
  /** The first moment of a column, which may be left or right of the axis. */
  startOf(column: number): number;
  /** The column that a moment falls into, not below the first and not beyond the last. */
  columnOf(time: number): number;
  /** One line: how far from now the ticks are. */
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

export function axisOf(from: number, until: number, now: number, columns: number): Axis {
  // A ring whose times are all one moment still has a width.
  const span = Math.max(until - from, columns);
  const startOf = (column: number) => from + (column * span) / columns;
  const columnOf = (time: number) => Math.min(Math.max(Math.floor(((time - from) * columns) / span), 0), columns - 1);
  return { columns, startOf, columnOf, labels: labels(from, from + span, now, columns, columnOf) };
}

function labels(from: number, until: number, now: number, columns: number, columnOf: Axis["columnOf"]): string {
  const most = Math.max(1, Math.floor(columns / LABEL_COLUMNS));
  const step = STEPS.find((size) => (until - from) / size <= most) ?? 365 * DAY;
  const line = new Array<string>(columns).fill(" ");
  // Now is always labelled; the others as far as they have room beside it.
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

/** What a key does at a moment, as far as its times say. */
export type Stage = "published" | "signing" | "verifying" | "standby" | "revoked";

/** How a timeline is drawn. Every mark is one column wide. */
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

/** By the locale of the environment (POSIX: the first of the three that is set): without UTF-8 plain ASCII. */
export function marksFor(env: Readonly<Record<string, string | undefined>>): Marks {
  const locale = [env.LC_ALL, env.LC_CTYPE, env.LANG].find((value) => value !== undefined && value !== "") ?? "";
  return /utf-?8/i.test(locale) ? UNICODE : ASCII;
}
