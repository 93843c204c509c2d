import { isAscii, isUtf8 } from "node:buffer";
import { sha256Text } from "../sha256.ts";
import { noteOfLine } from "../stream-message.ts";
import { leafHash } from "../tree/hash.ts";
import { type Entry, parseJson, readEntry, type StoredEvent } from "./entry.ts";
import type { Statement } from "./log/statement.ts";

/**
 * The entries of many lines, in columns: they cross from one thread to another as a few blocks of memory instead of as
 * an object a line.
 */
export interface Batch {
  /** How many lines there were, readable or not. */
  readonly lines: number;
  /** 0 for a line that is no event, and -1 for an empty one. */
  readonly epoch: Float64Array<ArrayBuffer>;
  readonly seq: Float64Array<ArrayBuffer>;
  /** {@link NO_LOG} for an event that has none. */
  readonly logIndex: Float64Array<ArrayBuffer>;
  /** The leaf hash of each line, as 32 Latin-1 characters. */
  readonly leaves: string;
  /** What each event counts as, as an index into `tallies`. */
  readonly tally: Uint32Array<ArrayBuffer>;
  readonly tallies: readonly string[];
  /** What the events of some lines state of their log. They are few, as are the notes. */
  readonly statements: ReadonlyMap<number, Statement>;
  /** The texts of each line, with line breaks between the lines. */
  readonly writers: string;
  readonly eventIds: string;
  readonly hashes: string;
  readonly prevHashes: string;
  /** The notes of the lines that are checkpoints. They are few. */
  readonly notes: ReadonlyMap<number, string>;
}

const LINE_BREAK = 10;
const NO_LOG = -1;
const HASH_BYTES = 32;
const NO_HASH = "\0".repeat(HASH_BYTES);
/** The prefix of a leaf (RFC 6962, 2.1). */
const LEAF = 0;

/**
 * Reads lines, each the body of an event or a checkpoint. The last may lack its line break. The chunk is spoilt: see
 * {@link leafHashIn}.
 */
export function readBatch(chunk: Uint8Array): Batch {
  const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  const parse = parserOf(bytes);
  const columns = newColumns();
  for (let start = 0; start < bytes.length; ) {
    const found = bytes.indexOf(LINE_BREAK, start);
    const end = found === -1 ? bytes.length : found;
    const stored = parse(start, end);
    const note = stored && noteOfLine(stored);
    if (note !== undefined) columns.notes.set(columns.epochs.length, note);
    const hashLeaf = (body: Uint8Array) => leafHashIn(bytes, start, body);
    addEntry(
      columns,
      (stored && readEntry(bytes.subarray(start, end), stored, hashLeaf)) ?? (start === end ? EMPTY : NO_EVENT),
    );
    start = end + 1;
  }
  return {
    lines: columns.epochs.length,
    epoch: new Float64Array(columns.epochs),
    seq: new Float64Array(columns.seqs),
    logIndex: new Float64Array(columns.logIndexes),
    leaves: columns.leaves.join(""),
    tally: new Uint32Array(columns.tally),
    tallies: [...columns.tallies.keys()],
    statements: columns.statements,
    writers: columns.writers.join("\n"),
    eventIds: columns.eventIds.join("\n"),
    hashes: columns.hashes.join("\n"),
    prevHashes: columns.prevHashes.join("\n"),
    notes: columns.notes,
  };
}

const NO_EVENT: Entry = { writer: "", epoch: 0, seq: 0, eventId: "", hash: "", prevHash: "", leaf: undefined };
const EMPTY: Entry = { ...NO_EVENT, epoch: -1 };

function newColumns() {
  return {
    epochs: [] as number[],
    seqs: [] as number[],
    logIndexes: [] as number[],
    leaves: [] as string[],
    tally: [] as number[],
    /** The index of each. */
    tallies: new Map([["", 0]]),
    statements: new Map<number, Statement>(),
    writers: [] as string[],
    eventIds: [] as string[],
    hashes: [] as string[],
    prevHashes: [] as string[],
    notes: new Map<number, string>(),
  };
}

function addEntry(columns: ReturnType<typeof newColumns>, entry: Entry): void {
  const { writer, epoch, seq, eventId, hash, prevHash, leaf } = entry;
  if (leaf?.statement !== undefined) columns.statements.set(columns.epochs.length, leaf.statement);
  columns.epochs.push(epoch);
  columns.seqs.push(seq);
  columns.writers.push(writer);
  columns.eventIds.push(eventId);
  columns.hashes.push(hash);
  columns.prevHashes.push(prevHash);
  columns.logIndexes.push(leaf?.index ?? NO_LOG);
  columns.leaves.push(leaf?.hash ?? NO_HASH);
  columns.tally.push(indexOf(columns.tallies, leaf?.tally ?? ""));
}

function indexOf(tallies: Map<string, number>, tally: string): number {
  const known = tallies.get(tally);
  if (known !== undefined) return known;
  tallies.set(tally, tallies.size);
  return tallies.size - 1;
}

/**
 * The leaf hash of a line. It makes the line break before the line the prefix of the leaf: to copy each body behind a
 * prefix of its own would cost as much as to hash it.
 */
function leafHashIn(bytes: Buffer, start: number, body: Uint8Array): string {
  if (start === 0) return leafHash(body).toString("latin1");
  bytes[start - 1] = LEAF;
  return sha256Text(bytes.subarray(start - 1, start + body.length));
}

/** Asks the encoding once for all lines, since nearly all logs are of ASCII alone, and that costs less to decode. */
function parserOf(bytes: Buffer): (start: number, end: number) => StoredEvent | undefined {
  const encoding = isAscii(bytes) ? "latin1" : "utf8";
  const isValid = isUtf8(bytes);
  return (start, end) =>
    isValid || isUtf8(bytes.subarray(start, end)) ? parseJson(bytes.toString(encoding, start, end)) : undefined;
}

/** What a batch has, one a line: an event, the note of a checkpoint, "" for an empty line, or undefined for another. */
export function* linesOf(batch: Batch): Generator<Entry | string | undefined> {
  const [writers, eventIds, hashes, prevHashes] = [batch.writers, batch.eventIds, batch.hashes, batch.prevHashes].map(
    (texts) => texts.split("\n"),
  );
  for (let at = 0; at < batch.lines; at++) {
    const epoch = batch.epoch[at] ?? 0;
    yield epoch <= 0
      ? (batch.notes.get(at) ?? (epoch < 0 ? "" : undefined))
      : {
          eventId: eventIds?.[at] ?? "",
          writer: writers?.[at] ?? "",
          epoch,
          seq: batch.seq[at] ?? 0,
          hash: hashes?.[at] ?? "",
          prevHash: prevHashes?.[at] ?? "",
          leaf: leafAt(batch, at),
        };
  }
}

function leafAt({ logIndex, leaves, tally, tallies, statements }: Batch, at: number): Entry["leaf"] {
  const index = logIndex[at] ?? NO_LOG;
  if (index === NO_LOG) return undefined;
  const hash = leaves.slice(at * HASH_BYTES, (at + 1) * HASH_BYTES);
  return { index, hash, tally: tallies[tally[at] ?? 0] ?? "", statement: statements.get(at) };
}

/** The memory of a batch that can be handed over to another thread. */
export function memoryOf({ epoch, seq, logIndex, tally }: Batch): ArrayBuffer[] {
  return [epoch, seq, logIndex, tally].map(({ buffer }) => buffer);
}
