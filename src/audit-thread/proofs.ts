import type { NoteSink } from "../audit/forward/sink.ts";
import type { AuditReport, MadeCheckpoint, SignedCounts } from "../audit/pipeline.ts";
import type { Spool } from "../audit/spool/spool.ts";
import { Checkpointer, type CheckpointerOptions } from "./checkpointer.ts";
import { hasClosingNote, removeClosingNote } from "./note-files.ts";
import { type Note, NotePublisher } from "./note-publisher.ts";

export interface ProofsOptions extends Pick<CheckpointerOptions, "folder" | "keys" | "tally" | "now" | "monotonic"> {
  readonly spool: Spool;
  /** Undefined: checkpoints stay in the spool's folder. */
  readonly sink: NoteSink | undefined;
  /** The connection over which the stream was inspected last: what it had lost is known, and sent again first. */
  readonly inspected: () => number;
  readonly report: (report: AuditReport) => void;
  /** Jitter in [0, 1). */
  readonly random: () => number;
}

/** What proves the log: its checkpoints, from signing to publishing. */
export interface Proofs {
  registered(writer: string): void;
  /** MUST be called as soon as `counts` are received: they are of that moment. The rest waits for `ready`. */
  checkpoint(counts: SignedCounts, asked: boolean, ready?: Promise<void>): Promise<MadeCheckpoint | undefined>;
  /** As {@link checkpoint}. */
  rotateKey(counts: SignedCounts): Promise<void>;
  /**
   * Closes the log for good. Resolves with whether NATS has all of it, its last checkpoint too: what it has not is in the
   * folder, and to call this again waits for it.
   */
  closeLog(counts: SignedCounts): Promise<boolean>;
  /** The note of a log that was closed. */
  offer(note: Note): void;
  /** Publishes what may be published, within `ms`. Never rejects. */
  stop(ms: number): Promise<void>;
}

/** How long a checkpoint that is asked for waits until NATS has it. */
const PUBLISH_MS = 2_000;

/** Hands on what an earlier process has signed, and begins to publish. Rejects when the spool's folder can't be read. */
export async function startProofs(options: ProofsOptions): Promise<Proofs> {
  const { spool, folder, keys, sink, report, now, random, inspected } = options;
  let publisher: NotePublisher | undefined;
  const early: Note[] = [];
  const offer = (note: Note): void => void (publisher === undefined ? early.push(note) : publisher.offer(note));
  const checkpointer = new Checkpointer({
    ...options,
    offer,
    onMiscounted: (count) => report({ type: "audit.miscounted", ...count }),
    onDamaged: (message) => report({ type: "audit.checkpoint_failed", message }),
  });
  await checkpointer.begin();
  await replaceLostKey();
  if (sink !== undefined) {
    publisher = new NotePublisher({
      ...{ sink, spool, random, inspected, onPublished },
      async onConnected(lastNote) {
        const behind = await checkpointer.findBehind(lastNote);
        if (behind === undefined) return;
        publisher?.abandon(behind);
        // An end that was signed here is not that of the log: no later start may publish it.
        await removeClosingNote(folder, behind);
        await spool.beginWriter("BEHIND_CHECKPOINT", now());
        await keys.remove(behind);
      },
      onFailed: (message) => report({ type: "audit.checkpoint_failed", message }),
    });
    for (const note of early) publisher.offer(note);
  }

  return {
    registered: (writer) => checkpointer.registered(writer),
    offer,
    async checkpoint(counts, asked, ready) {
      const note = await checkpointer.checkpoint(counts, asked, ready).catch((error) => {
        if (!asked) report({ type: "audit.checkpoint_failed", message: messageOf(error) });
        throw error;
      });
      if (note === undefined) return undefined;
      const published = asked && (await publisher?.isPublished(note, PUBLISH_MS)) === true;
      return { note: note.text, published };
    },
    rotateKey: (counts) => checkpointer.rotateKey(counts),
    async closeLog(counts) {
      const end = await checkpointer.closeLog(counts);
      if (!(await isForgotten(end.writer)) && !(await publisher?.isPublished(end, PUBLISH_MS))) return false;
      // Before the end is recorded: nobody opens the folder again.
      await forget(end.writer);
      return true;
    },
    async stop(ms) {
      await publisher?.stop(ms);
    },
  };

  /** Without its key a log can't be proven any further. */
  async function replaceLostKey(): Promise<void> {
    const { writer, log, isEnded } = spool;
    if (log === undefined || isEnded || (await keys.open(writer)) !== undefined) return;
    report({ type: "audit.key_lost", writer });
    await spool.beginWriter("KEY_ROTATED", now());
  }

  function onPublished({ writer, size, isLast }: Note): void {
    if (!isLast) report({ type: "audit.checkpoint", size });
    else void forget(writer).catch(() => undefined);
  }

  /** The log is closed, and its end is published: its key signs no more. */
  async function forget(writer: string): Promise<void> {
    await removeClosingNote(folder, writer);
    await keys.remove(writer);
  }

  /** Also by an earlier process: NATS has the end. A key alone may be missing from a copy of the folder. */
  async function isForgotten(writer: string): Promise<boolean> {
    return (await keys.open(writer)) === undefined && !(await hasClosingNote(folder, writer));
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
