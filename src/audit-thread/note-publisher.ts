import { backoff } from "../async/backoff.ts";
import { pause, within } from "../async/timeout.ts";
import { createWakeup } from "../async/wakeup.ts";
import { type NoteSink, SinkError } from "../audit/forward/sink.ts";
import type { Spool } from "../audit/spool/spool.ts";
import { checkpointSubject } from "../audit/stream-message.ts";

/** A signed checkpoint. */
export interface Note {
  readonly writer: string;
  readonly size: number;
  /** Of the last event that it covers, in the spool. */
  readonly position: number;
  readonly text: string;
  /** Whether it covers the last event of a log that was closed. */
  readonly isLast: boolean;
}

export interface NotePublisherOptions {
  readonly sink: NoteSink;
  readonly spool: Pick<Spool, "acknowledged" | "followed">;
  /**
   * The connection over which the stream was inspected last. Before, `acknowledged` may be of a stream that was lost, and
   * a note would come before its events.
   */
  readonly inspected: () => number;
  /**
   * Called at each new connection, before anything is published over it, with the last note of the stream. What it
   * throws is a failure as those of the sink.
   */
  readonly onConnected: (lastNote: (writer: string) => Promise<Uint8Array | undefined>) => Promise<void>;
  readonly onPublished: (note: Note) => void;
  /** Gets the reason of each failure. MUST NOT throw. */
  readonly onFailed: (message: string) => void;
  /** Jitter in [0, 1). */
  readonly random: () => number;
}

/**
 * Publishes checkpoints, each after the events that it covers were acknowledged. Of each writer the latest alone waits:
 * it covers all earlier ones.
 */
export class NotePublisher {
  readonly #options: NotePublisherOptions;
  readonly #waiting = new Map<string, Note>();
  /** The size of the largest note of each writer that was published. */
  readonly #sizes = new Map<string, number>();
  readonly #abandoned = new Set<string>();
  readonly #changed = createWakeup();
  readonly #published = createWakeup();
  readonly #stopping = new AbortController();
  readonly #done: Promise<void>;
  #connection = 0;
  #failures = 0;

  constructor(options: NotePublisherOptions) {
    this.#options = options;
    this.#done = this.#run();
  }

  offer(note: Note): void {
    if (this.#abandoned.has(note.writer)) return;
    const known = this.#waiting.get(note.writer);
    if (known !== undefined && known.size > note.size) return;
    this.#waiting.set(note.writer, note);
    this.#changed.wake();
    void this.#options.spool.followed(note.position).then(() => this.#changed.wake());
  }

  /** Publishes nothing more of this writer: the stream has another history of it. */
  abandon(writer: string): void {
    this.#abandoned.add(writer);
    this.#waiting.delete(writer);
  }

  /** Whether the note, or one that covers more, is published within `ms`. */
  async isPublished({ writer, size }: Pick<Note, "writer" | "size">, ms: number): Promise<boolean> {
    const waits = () => (this.#sizes.get(writer) ?? -1) < size;
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(ms)]);
    while (waits() && !signal.aborted) await this.#published.wait(signal);
    return !waits();
  }

  /** Publishes what may be published by now, within `ms`, and ends. Never rejects. */
  async stop(ms: number): Promise<void> {
    this.#stopping.abort();
    await this.#done;
    await this.#publishDue(AbortSignal.timeout(Math.ceil(ms))).catch((error) =>
      this.#options.onFailed(messageOf(error)),
    );
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await this.#compare(signal);
        await this.#publishDue(signal);
        this.#failures = 0;
        await this.#changed.wait(signal, IDLE_MS);
      } catch (error) {
        if (signal.aborted) return;
        this.#options.onFailed(messageOf(error));
        await pause(backoff(++this.#failures, this.#options.random()), signal);
      }
    }
  }

  async #compare(signal: AbortSignal): Promise<void> {
    const { sink, onConnected } = this.#options;
    const connection = await sink.connected(signal);
    if (connection === this.#connection) return;
    await onConnected((writer) => sink.lastNote(checkpointSubject(writer), signal));
    this.#connection = connection;
  }

  async #publishDue(signal: AbortSignal): Promise<void> {
    const { sink, spool, onPublished, inspected } = this.#options;
    // Never compared: a stream that knows more of this writer must not be contradicted.
    if (this.#connection === 0 || inspected() !== this.#connection) return;
    for (const note of [...this.#waiting.values()]) {
      if (note.position > spool.acknowledged.position) continue;
      const { writer, size, text } = note;
      const message = { subject: checkpointSubject(writer), id: `${writer}/${size}`, body: Buffer.from(text) };
      const outcome = await within({ signal }, sink.publishNote(message, signal), () => {
        throw new SinkError("TIMEOUT", "aborted");
      });
      if (!outcome.stored) throw new SinkError(outcome.code, outcome.message);
      if (this.#waiting.get(writer) === note) this.#waiting.delete(writer);
      this.#sizes.set(writer, Math.max(size, this.#sizes.get(writer) ?? 0));
      onPublished(note);
      this.#published.wake();
    }
  }
}

/** How often an idle publisher looks for a new connection. */
const IDLE_MS = 1000;

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
