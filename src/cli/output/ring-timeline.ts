import { type Key, KeyState, keyStateToJSON } from "../../gen/signet/v1/keys.ts";
import type { Io } from "../io.ts";
import { createPainter } from "./colour.ts";
import { type Axis, chooseMarks, createAxis, type Marks, STAGE_COLOUR, type Stage } from "./ring-axis.ts";
import { printable } from "./safe-text.ts";

type Paint = ReturnType<typeof createPainter>;

const NARROWEST_BAR = 20;
const WIDTH_WITHOUT_TERMINAL = 80;
const GAP = "  ";

/** Draws the keys of one keyset: a row with a bar for each key, the time axis, and a legend. */
export function ringTimeline(keys: readonly Key[], io: Io): string {
  const paint = createPainter(io, io.stdout);
  const marks = chooseMarks(io.env);
  const names = keys.map((key) => [printable(key.keyId), stateName(key)] as const);
  const widths = [0, 1].map((column) => Math.max(...names.map((row) => row[column as 0 | 1].length)));
  const margin = (kid: string, state: string) =>
    [kid.padEnd(widths[0] ?? 0), state.padEnd(widths[1] ?? 0), ""].join(GAP);
  const left = margin("", "");
  const columns = Math.max((io.stdout.columns ?? WIDTH_WITHOUT_TERMINAL) - left.length, NARROWEST_BAR);
  const axis = createAxis(...spanOf(keys, io.now()), io.now(), columns);
  const bars = keys
    .map((key) => ({ ...key, signUntil: actualSignUntil(key, keys, io.now()) }))
    .map((key) => Array.from({ length: columns }, (_, column) => stageWithin(key, axis, column)));
  const nowColumn = axis.columnOf(io.now());
  const rows = keys.flatMap((key, index) => {
    const [kid = "", state = ""] = names[index] ?? [];
    return [margin(kid, state) + drawBar(bars[index] ?? [], nowColumn, marks, paint), ...waitsForRow(key, left, paint)];
  });
  return [heading(keys), ...rows, left + axis.labels, legend(new Set(bars.flat()), marks, paint)]
    .map((line) => `${line}\n`)
    .join("");
}

function heading(keys: readonly Key[]): string {
  const [first] = keys;
  return first === undefined ? "" : `${printable(first.keyset)}: ${printable(first.algorithm)}, epoch ${first.epoch}`;
}

/** The span of all times of the keys, and 5 % more, so that the end of a bar is visible. */
function spanOf(keys: readonly Key[], now: number): [from: number, until: number] {
  const times = keys.flatMap(({ publishAt, signFrom, signUntil, verifyUntil, revokedAt }) =>
    [publishAt, signFrom, signUntil, verifyUntil, revokedAt].flatMap((time) => (time ? [time.getTime()] : [])),
  );
  const [from, until] = [Math.min(now, ...times), Math.max(now, ...times)];
  return [from, until + (until - from) / 20];
}

function drawBar(bar: readonly (Stage | undefined)[], nowColumn: number, marks: Marks, paint: Paint): string {
  const cells = bar.map((stage, column) => {
    if (column === nowColumn && stage !== "revoked") return marks.now;
    return stage === undefined ? " " : paint(STAGE_COLOUR[stage], marks.stages[stage]);
  });
  return cells.join("").trimEnd();
}

/**
 * The end of signing as it happens: a key signs until the next one does, which may be earlier or later than planned.
 */
function actualSignUntil({ signFrom, signUntil, state }: Key, ring: readonly Key[], now: number): Date | undefined {
  if (signFrom === undefined || signUntil === undefined) return signUntil;
  const takeOvers = ring.flatMap(({ signFrom: from, revokedAt }) => {
    const never = from === undefined || (revokedAt !== undefined && revokedAt <= from);
    return never || from <= signFrom ? [] : [from.getTime()];
  });
  const end = Math.min(signUntil.getTime(), ...takeOvers);
  return new Date(state === KeyState.KEY_STATE_ACTIVE ? Math.max(end, now) : end);
}

/** The stage in the middle of a column. The moment of a revocation is always shown, however short it is. */
function stageWithin(key: Key, axis: Axis, column: number): Stage | undefined {
  if (key.revokedAt !== undefined && axis.columnOf(key.revokedAt.getTime()) === column) return "revoked";
  return stageAt(key, (axis.startOf(column) + axis.startOf(column + 1)) / 2);
}

function stageAt({ publishAt, signFrom, signUntil, verifyUntil, revokedAt }: Key, time: number): Stage | undefined {
  const isPast = (moment: Date | undefined) => moment !== undefined && moment.getTime() <= time;
  if (isPast(revokedAt) || isPast(verifyUntil)) return undefined;
  if (isPast(signUntil)) return "verifying";
  if (isPast(signFrom)) return "signing";
  if (!isPast(publishAt)) return undefined;
  return signFrom === undefined ? "standby" : "published";
}

function waitsForRow({ waitsFor }: Key, left: string, paint: Paint): string[] {
  if (waitsFor.length === 0) return [];
  return [`${left}${paint("yellow", `waits for ${waitsFor.map(printable).join(", ")}`)}`];
}

/** Explains only the marks that are drawn, so that it fits into a narrow terminal. */
function legend(drawn: ReadonlySet<Stage | undefined>, { stages, now }: Marks, paint: Paint): string {
  const names = (Object.keys(stages) as Stage[]).filter((stage) => drawn.has(stage));
  const named = names.map((stage) => `${paint(STAGE_COLOUR[stage], stages[stage])} ${stage}`);
  return [...named, `${now} now`].join("   ");
}

/** The state in its short form: "active". */
export function stateName({ state }: Key): string {
  return printable(keyStateToJSON(state).replace("KEY_STATE_", "").toLowerCase());
}
