import type { LogFault } from "../../audit/verify/fault.ts";
import type { ChainPlace } from "../../audit/verify/place.ts";
import type { Verdict } from "../../audit/verify/verifier.ts";
import type { WriterVerdict } from "../../audit/verify/writer-verdict.ts";
import { counted } from "../../counted.ts";
import { printable } from "./safe-text.ts";

/** Where an event was read, for people and for JSON. */
export type Locate = (at: number) => {
  readonly text: string;
  readonly members: Readonly<Record<string, string | number>>;
};

/** More faults are only counted, on a terminal and in a log of a build alike. `--json` has all that were kept. */
const MAX_SHOWN = 50;

/** A block for each writer, a line for each fault, and the answer on the last line. */
export function verdictSheet(verdict: Verdict, locate: Locate): string {
  const { writers, faults, counts } = verdict;
  const hidden = sum(Object.values(counts)) - Math.min(faults.length, MAX_SHOWN);
  const lines = [
    ...writers.flatMap((writer) => writerLines(writer, verdict)),
    ...faults.slice(0, MAX_SHOWN).map((fault) => faultLine(fault, locate)),
    ...(hidden > 0 ? [`and ${counted(hidden, "more fault")}`] : []),
    ...(verdict.trimmed ? ["trimmed: what came before the first message of the stream was not read"] : []),
    answer(verdict),
  ];
  return lines.map((line) => `${printable(line)}\n`).join("");
}

export function verdictJson(verdict: Verdict, locate: Locate) {
  const { proven, signaturesChecked, trimmed, writers, faults, counts } = verdict;
  return {
    proven,
    signaturesChecked,
    trimmed,
    uncovered: sum(writers.map(({ uncovered }) => uncovered)),
    writers: writers.map(({ log, ...writer }) => ({
      ...writer,
      ...(log === undefined ? {} : { log: { checkpoint: log.checkpoint, compared: log.edge !== undefined } }),
    })),
    counts,
    faults: faults.map(({ at, otherAt, ...fault }) => ({
      ...fault,
      ...(at === undefined ? {} : locate(at).members),
      ...(otherAt === undefined ? {} : { other: locate(otherAt).members }),
    })),
  };
}

function writerLines(verdict: WriterVerdict, { signaturesChecked }: Verdict): string[] {
  const { writer, events, duplicates, first, last, whole, provenTo } = verdict;
  const repeated = duplicates === 0 ? "" : `, and ${duplicates} repeated`;
  const beginning = whole ? "the writer's first event" : "not the writer's first event";
  return [
    `writer ${writer}: ${counted(events, "event")}${repeated}`,
    ...(first === undefined ? [] : [`  from   ${placeText(first)}, ${beginning}`]),
    ...(last === undefined ? [] : [`  to     ${placeText(last)}`]),
    provenTo === undefined ? "  proven nothing" : `  proven to ${placeText(provenTo)}, SHA-256 ${provenTo.hash}`,
    `  signed ${signedText(verdict, signaturesChecked)}`,
  ];
}

/** What the checkpoints prove, which a holder of the writer's key alone could have made. */
function signedText({ log }: WriterVerdict, signaturesChecked: boolean): string {
  if (log === undefined) return "no log, chain only: a version before transparency logs wrote it";
  if (log.edge === undefined) return "not compared: the log does not begin here, and no --state has its tree";
  if (log.checkpoint === undefined) return "nothing: there is no checkpoint that the events agree with";
  const { size, place } = log.checkpoint;
  const signature = signaturesChecked ? "" : "; its signature was not checked: no --policy";
  return `${place === undefined ? "" : `to ${placeText(place)}, `}checkpoint of ${counted(size, "event")}${signature}`;
}

function faultLine({ code, writer, place, eventId, at, otherAt, message }: LogFault, locate: Locate): string {
  const where = [
    ...(writer === undefined ? [] : [`writer ${writer}`]),
    ...(place === undefined ? [] : [placeText(place)]),
    ...(eventId === undefined ? [] : [`event ${eventId}`]),
    ...(at === undefined ? [] : [locate(at).text]),
  ].join(", ");
  const other = otherAt === undefined ? "" : ` (the other: ${locate(otherAt).text})`;
  return `${code} ${where}${where === "" ? "" : ": "}${message}${other}`;
}

function answer({ proven, writers, counts }: Verdict): string {
  const found = Object.entries(counts).map(([code, count]) => `${count} ${code}`);
  if (!proven) return `not proven: ${found.join(", ")}`;
  const events = sum(writers.map((writer) => writer.events));
  const uncovered = sum(writers.map((writer) => writer.uncovered));
  const behind = uncovered === 0 ? "" : `; no checkpoint covers ${uncovered} of them`;
  return `proven: ${counted(events, "event")} of ${counted(writers.length, "writer")}${behind}`;
}

function placeText({ epoch, seq }: ChainPlace): string {
  return `epoch ${epoch} seq ${seq}`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
