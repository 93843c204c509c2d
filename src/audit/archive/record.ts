import { knownEndsText, parseKnownEnds } from "../verify/known-ends.ts";
import type { KnownEnds } from "../verify/verifier.ts";

/** What stands beside a file of the archive: which part of the log it is, and what the next part must go on from. */
export interface ArchiveRecord {
  /** From 1. The file of number 1 is `audit-000001.ndjson`. */
  readonly number: number;
  /** The name that the file has until it is part of the archive. */
  readonly draft: string;
  /** Of the file, in base64. */
  readonly sha256: string;
  readonly lines: number;
  readonly bytes: number;
  readonly stream: ArchivedPart;
  /** The largest checkpoint of each writer that was read, as notes: they cover the file, and may lie behind its end. */
  readonly checkpoints: readonly string[];
  /** The writers whose events were not judged, as the operator wanted. */
  readonly accepted: readonly string[];
  /** Whether it may have messages that are neither events nor checkpoints. Undefined in a record of version 0.1.0. */
  readonly foreign?: boolean | undefined;
  readonly ends: KnownEnds;
}

/** A part of a stream. */
export interface ArchivedPart {
  readonly name: string;
  readonly created: string;
  readonly from: number;
  readonly to: number;
  /** The SHA-256 of the body of the last message, in base64: after a rollback its number may be that of another one. */
  readonly lastSha256: string;
}

/** The version of the format. */
const FORMAT = 1;

export function recordText(record: ArchiveRecord): string {
  const ends = JSON.parse(knownEndsText(record.ends));
  return `${JSON.stringify({ format: FORMAT, ...record, ends }, null, 2)}\n`;
}

/** Reads what {@link recordText} wrote; undefined if it is something else. */
export function parseRecord(text: string): ArchiveRecord | undefined {
  try {
    const { format, ends: storedEnds, ...rest } = JSON.parse(text);
    const ends = parseKnownEnds(JSON.stringify(storedEnds));
    return format === FORMAT && ends !== undefined && isRecord(rest) ? { ...rest, ends } : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: Partial<Record<string, unknown>>): value is Omit<ArchiveRecord, "ends"> & typeof value {
  const { number, draft, sha256, lines, bytes, stream, checkpoints, accepted } = value;
  const { name, created, from, to, lastSha256 }: Partial<Record<string, unknown>> = Object(stream);
  return (
    [number, lines, bytes, from, to].every(Number.isSafeInteger) &&
    [draft, sha256, name, created, lastSha256].every((text) => typeof text === "string") &&
    !String(draft).includes("/") &&
    [checkpoints, accepted].every((texts) => Array.isArray(texts) && texts.every((text) => typeof text === "string"))
  );
}

/** The name of the file with this number. */
export function fileOf(number: number): string {
  return `${stemOf(number)}.ndjson`;
}

/** The name of the record beside it. */
export function recordOf(number: number): string {
  return `${stemOf(number)}.json`;
}

/** The number in the name of a record; undefined for any other name. */
export function numberIn(name: string): number | undefined {
  const digits = /^audit-(\d{6,})\.json$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function stemOf(number: number): string {
  return `audit-${String(number).padStart(6, "0")}`;
}
