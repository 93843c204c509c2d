import { createQueue } from "../async/queue.ts";
import { type Checkpoint, checkpointText, parseCheckpoint } from "../audit/checkpoint/checkpoint.ts";
import { ed25519Verifier } from "../audit/checkpoint/ed25519.ts";
import { NoteError, openNote, signNote } from "../audit/checkpoint/note.ts";
import { AuditError, type TimedEvent } from "../audit/event.ts";
import type { KeyCount } from "../audit/events/signatures.ts";
import type { SignedCounts } from "../audit/pipeline.ts";
import type { Spool } from "../audit/spool/spool.ts";
import type { Checkpointable } from "../audit/writer/tip.ts";
import { Comparison } from "./comparison.ts";
import { readClosingNotes, readNote, saveClosingNote, saveNote } from "./note-files.ts";
import type { Note } from "./note-publisher.ts";
import type { Tally } from "./tally.ts";
import type { WriterKey, WriterKeys } from "./writer-keys.ts";

export interface CheckpointerOptions {
  readonly spool: Pick<Spool, "isEnded" | "checkpointable" | "appendHere" | "append" | "beginWriter" | "closeLog">;
  readonly folder: string;
  readonly keys: WriterKeys;
  readonly tally: Tally;
  /** Hands a note to the one who publishes it. */
  readonly offer: (note: Note) => void;
  /** Gets the count of a key that has signed more or less than can be told. MUST NOT throw. */
  readonly onMiscounted: (count: KeyCount) => void;
  /** Gets what is wrong with the note of a closed log that can't be published. MUST NOT throw. */
  readonly onDamaged: (message: string) => void;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Milliseconds of a monotonic clock. */
  readonly monotonic: () => number;
}

/** After so many milliseconds without an event `audit.alive` is appended. */
const ALIVE_MS = 600_000;
/** An event with the counts of more keys might be larger than an event may be. */
const KEYS_PER_EVENT = 200;

/**
 * Makes the checkpoints of a spool's log. Each is durable in the spool's folder before anybody gets it: a spool that is
 * restored from an older copy must not contradict it.
 */
export class Checkpointer {
  readonly #options: CheckpointerOptions;
  readonly #comparison: Comparison;
  readonly #turns = createQueue();
  readonly #miscounted = new Set<string>();
  #key: { readonly writer: string; readonly key: WriterKey } | undefined;
  /** The log whose key is in the state that replicas share. */
  #registered: string | undefined;
  #last: Note | undefined;
  #grownAt: { readonly writer: string; readonly size: number; readonly time: number };

  constructor(options: CheckpointerOptions) {
    this.#options = options;
    this.#comparison = new Comparison(options.folder);
    this.#grownAt = { writer: "", size: 0, time: options.monotonic() };
  }

  /** Hands on what was signed before this start. Whether it was published is not known, and twice does no harm. */
  async begin(): Promise<void> {
    const { folder, spool, keys, offer, onDamaged } = this.#options;
    const log = spool.checkpointable();
    const { writer, origin, size, position } = log;
    await this.#comparison.begin(log);
    const text = await readNote(folder);
    const stored = text === undefined ? undefined : checkpointOf(text);
    if (text !== undefined && stored?.origin === origin && stored.size <= size) {
      this.#last = { writer, size: stored.size, position: position - (size - stored.size), text, isLast: false };
      offer(this.#last);
    }
    const closing = await readClosingNotes(folder, onDamaged);
    for (const note of closing.notes) offer(note);
    await keys.keepOnly([writer, ...closing.writers]);
  }

  /** The key of this writer's log is registered: it may sign. */
  registered(writer: string): void {
    this.#registered = writer;
  }

  /**
   * Makes a checkpoint over all durable events, counted first. Undefined where nothing was added to the log since the
   * last one, unless it is `asked` for. Rejects with UNAVAILABLE while the log's key is not registered or the storage
   * fails.
   *
   * `counts` are taken at the call, which MUST be made when they are received; the rest waits for `ready`.
   */
  checkpoint(
    counts: SignedCounts,
    asked: boolean,
    ready: Promise<void> = Promise.resolve(),
  ): Promise<Note | undefined> {
    const counting = this.#options.tally.counting(counts);
    return this.#turns.run(async () => {
      await ready;
      // The note of its end covers all.
      return this.#options.spool.isEnded ? undefined : this.#checkpoint(counting, asked);
    });
  }

  /** Makes the last checkpoint with this key but the closing one, then begins the log of a new key. Rejects as it does. */
  rotateKey(counts: SignedCounts): Promise<void> {
    const { tally, spool, now } = this.#options;
    const counting = tally.counting(counts);
    return this.#turns.run(async () => {
      await this.#checkpoint(counting, true);
      await spool.beginWriter("KEY_ROTATED", now());
    });
  }

  /**
   * Counts what was signed, then closes the log for good. Resolves with its end. Rejects as `checkpoint` does, and until
   * the log was compared with the stream: of a restored folder it would sign the end of a second history.
   */
  closeLog(counts: SignedCounts): Promise<Checkpointable> {
    const { tally, spool, now } = this.#options;
    const counting = tally.counting(counts);
    return this.#turns.run(async () => {
      if (!this.#comparison.isDone || this.#comparison.contradicts(spool.checkpointable().writer))
        throw new AuditError("UNAVAILABLE", "the log was not compared with the stream yet, or is behind it");
      if (!spool.isEnded) await this.#checkpoint(counting, true);
      return spool.closeLog(now());
    });
  }

  /**
   * Compares the log with its last note in the stream. Resolves with its writer where that states more than the log has,
   * or another history: that writer signs nothing more. A note that the log's key has not signed says nothing: others
   * may publish there.
   */
  async findBehind(lastNote: (writer: string) => Promise<Uint8Array | undefined>): Promise<string | undefined> {
    const { spool, offer } = this.#options;
    const { writer } = spool.checkpointable();
    const body = await lastNote(writer);
    const key = await this.#keyOf(writer);
    const published = body && key && signedBy(Buffer.from(body).toString("utf8"), key);
    const log = spool.checkpointable();
    const last = this.#last?.writer === log.writer ? this.#last : undefined;
    await this.#comparison.compare(log, log.writer === writer ? published : undefined, last && checkpointOf(last.text));
    if (this.#comparison.contradicts(log.writer)) return log.writer;
    // A stream that was lost gets the note again.
    if (last !== undefined && last.size > (published?.size ?? 0)) offer(last);
    return undefined;
  }

  #maySign(writer: string): boolean {
    return this.#registered === writer && !this.#comparison.contradicts(writer);
  }

  async #checkpoint(counting: ReturnType<Tally["counting"]>, asked: boolean): Promise<Note | undefined> {
    const { spool } = this.#options;
    const log = spool.checkpointable();
    if (!this.#maySign(log.writer)) {
      if (!asked) return undefined;
      throw new AuditError("UNAVAILABLE", "the key of this log is not registered yet");
    }
    if (!asked && !(await this.#hasNews(log))) return undefined;
    await this.#count(counting);
    const counted = spool.checkpointable();
    // Another log has begun meanwhile: its key may not be registered yet.
    if (!this.#maySign(counted.writer))
      throw new AuditError("UNAVAILABLE", "another log has begun, whose key is not registered yet");
    return this.#sign(counted);
  }

  /** Whether there is something to sign: an idle log says from time to time that it is there. */
  async #hasNews({ writer, size }: Checkpointable): Promise<boolean> {
    const { monotonic, now, spool } = this.#options;
    if (this.#grownAt.writer !== writer || this.#grownAt.size !== size)
      this.#grownAt = { writer, size, time: monotonic() };
    if (this.#last?.writer !== writer || this.#last.size !== size) return true;
    if (monotonic() - this.#grownAt.time < ALIVE_MS) return false;
    await spool.append({ type: "audit.alive" }, now());
    return true;
  }

  async #count(counting: ReturnType<Tally["counting"]>): Promise<void> {
    const { spool, now, tally } = this.#options;
    let counts: readonly KeyCount[] = [];
    await spool.appendHere((place) => {
      counts = counting(place);
      return chunks(counts).map((keys): TimedEvent => [{ type: "signatures.counted", keys }, now()]);
    });
    tally.told(counts);
    for (const count of counts) this.#judge(count);
  }

  /** Once for each key: it would be told with every checkpoint. */
  #judge(count: KeyCount): void {
    const { keyId, signed, issued, unrecorded, selfTests, inFlight } = count;
    if (signed === issued + unrecorded + selfTests + inFlight || this.#miscounted.has(keyId)) return;
    this.#miscounted.add(keyId);
    this.#options.onMiscounted(count);
  }

  async #sign(log: Checkpointable): Promise<Note> {
    const key = await this.#keyOf(log.writer);
    if (key === undefined) throw new AuditError("UNAVAILABLE", "the key of this log is missing");
    const note = noteOf(log, key);
    await saveNote(this.#options.folder, note.text);
    this.#last = note;
    this.#grownAt = { writer: log.writer, size: log.size, time: this.#options.monotonic() };
    this.#options.offer(note);
    return note;
  }

  async #keyOf(writer: string): Promise<WriterKey | undefined> {
    if (this.#key?.writer === writer) return this.#key.key;
    const key = await this.#options.keys.open(writer);
    if (key !== undefined && writer === this.#options.spool.checkpointable().writer) this.#key = { writer, key };
    return key;
  }
}

/**
 * Signs the end of a log that was closed, durably: it is published even after a restart. Undefined where its key is
 * missing.
 */
export async function signClosing(folder: string, keys: WriterKeys, log: Checkpointable): Promise<Note | undefined> {
  const key = await keys.open(log.writer);
  if (key === undefined) return undefined;
  const note = { ...noteOf(log, key), isLast: true };
  await saveClosingNote(folder, note);
  return note;
}

function noteOf({ writer, origin, size, root, position }: Checkpointable, key: WriterKey): Note {
  const text = signNote(checkpointText({ origin, size, root }), key, key.sign);
  return { writer, size, position, text, isLast: false };
}

function checkpointOf(note: string): Checkpoint | undefined {
  try {
    return parseCheckpoint(note.slice(0, note.lastIndexOf("\n\n") + 1));
  } catch (error) {
    if (error instanceof NoteError) return undefined;
    throw error;
  }
}

/** The checkpoint of a note that the key has signed; undefined for any other text. */
function signedBy(note: string, key: WriterKey): Checkpoint | undefined {
  try {
    return parseCheckpoint(openNote(note, key, ed25519Verifier(key.publicKey)));
  } catch (error) {
    if (error instanceof NoteError) return undefined;
    throw error;
  }
}

function chunks(counts: readonly KeyCount[]): readonly (readonly KeyCount[])[] {
  const found: KeyCount[][] = [];
  for (let at = 0; at < counts.length; at += KEYS_PER_EVENT) found.push(counts.slice(at, at + KEYS_PER_EVENT));
  return found;
}
