import type { Checkpoint } from "../audit/checkpoint/checkpoint.ts";
import type { Checkpointable } from "../audit/writer/tip.ts";
import { keepUncompared, removeUncompared, type Uncompared } from "./note-files.ts";

/**
 * Compares a spool's log with what the stream has of it: a spool that was restored from an older copy must not sign
 * another history.
 */
export class Comparison {
  readonly #folder: string;
  /** The log as it was found when it was not compared yet: by this process, or by an earlier one that never was. */
  #found: Uncompared = { writer: "", size: 0 };
  #isDone = false;
  #contradicted: string | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Whether the log was compared with the stream: before, this process has published nothing. */
  get isDone(): boolean {
    return this.#isDone;
  }

  async begin({ writer, size }: Checkpointable): Promise<void> {
    this.#found = await keepUncompared(this.#folder, { writer, size });
  }

  /** Whether the stream contradicts the writer's log. */
  contradicts(writer: string): boolean {
    return this.#contradicted === writer;
  }

  /** Compares the log with the checkpoint that was `published` of it, if any; `last` is the latest one of the spool. */
  async compare(log: Checkpointable, published: Checkpoint | undefined, last: Checkpoint | undefined): Promise<void> {
    if (published !== undefined && this.#isContradicted(published, log, last)) this.#contradicted = log.writer;
    if (!this.contradicts(log.writer)) await removeUncompared(this.#folder);
    this.#isDone = true;
  }

  // A note over more events than were found before the first comparison is from a later state of the folder: the log may
  // have grown beyond that since, with other events.
  #isContradicted(published: Checkpoint, log: Checkpointable, last: Checkpoint | undefined): boolean {
    const foundSize = this.#found.writer === log.writer ? this.#found.size : 0;
    if (published.size > (this.#isDone ? log.size : foundSize)) return true;
    return [log, last].some((own) => own?.size === published.size && !own.root.equals(published.root));
  }
}
