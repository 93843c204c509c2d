import { hash } from "node:crypto";
import type { PublishedCheckpoint } from "../stream-message.ts";
import type { Entry } from "../verify/entry.ts";
import { comparePlaces, type Vouched } from "../verify/place.ts";

/** Where the line of an event begins in the file, and the message before it; 0 for none. */
export interface Mark {
  readonly seq: number;
  readonly offset: number;
  readonly before: LastMessage;
}

/** A message by its sequence and the SHA-256 of its body, in base64. */
export interface LastMessage {
  readonly seq: number;
  readonly sha256: string;
}

interface OpenEvent {
  readonly mark: Mark;
  readonly entry: Entry;
}

/** The SHA-256 of a body, in base64. */
export function bodySha256(body: Uint8Array): string {
  return hash("sha256", body, "base64");
}

/**
 * Which events of a part are covered: those of a log by a checkpoint of their writer, and those of an earlier version by
 * the end of their writer that the operator knows, once it was read. It takes each checkpoint at its word: a verifier
 * must have compared those in {@link claims}.
 */
export class Coverage {
  readonly #knownEnds: ReadonlyMap<string, Vouched>;
  readonly #hasCheckpoints: boolean;
  /** By writer, the largest size of a checkpoint. */
  readonly #sizes = new Map<string, number>();
  readonly #open = new Map<string, OpenEvent[]>();
  readonly #logs = new Set<string>();
  /** The first event that nothing can cover. */
  #never: Mark | undefined;

  /**
   * `knownEnds`: of writers without a log. `hasCheckpoints`: whether checkpoints are added; without them nothing covers
   * the events of a log.
   */
  constructor(knownEnds: ReadonlyMap<string, Vouched> = new Map(), hasCheckpoints = true) {
    this.#knownEnds = knownEnds;
    this.#hasCheckpoints = hasCheckpoints;
  }

  /** Adds an event of the part, or one behind it (without a mark). */
  event(entry: Entry, mark: Mark | undefined): void {
    const { writer, leaf } = entry;
    if (mark !== undefined) {
      if (leaf !== undefined) this.#logs.add(writer);
      if (!this.#canBeCovered(entry)) this.#never ??= mark;
      else if (leaf === undefined || leaf.index >= (this.#sizes.get(writer) ?? 0))
        this.#openOf(writer).push({ mark, entry });
    }
    const end = this.#knownEnds.get(writer);
    if (leaf === undefined && end?.hash === entry.hash && comparePlaces(entry, end) === 0)
      this.#close(writer, (open) => open.leaf === undefined && comparePlaces(open, end) <= 0);
  }

  checkpoint({ writer, size }: Pick<PublishedCheckpoint, "writer" | "size">): void {
    this.#sizes.set(writer, Math.max(size, this.#sizes.get(writer) ?? 0));
    this.#close(writer, ({ leaf }) => leaf !== undefined && leaf.index < size);
  }

  /** Whether what follows can cover more. */
  get isOpen(): boolean {
    return this.#open.size > 0;
  }

  /** The first event that is not covered: what comes before it may leave the stream. Undefined: all is covered. */
  get firstOpen(): Mark | undefined {
    const marks = [...this.#open.values()].flat().map(({ mark }) => mark);
    if (this.#never !== undefined) marks.push(this.#never);
    return marks.reduce<Mark | undefined>((first, mark) => (first && first.seq <= mark.seq ? first : mark), undefined);
  }

  /** The size of the largest checkpoint of each writer that has events of a log in the part. */
  *claims(): Generator<readonly [writer: string, size: number]> {
    for (const writer of this.#logs) yield [writer, this.#sizes.get(writer) ?? 0];
  }

  #canBeCovered(entry: Entry): boolean {
    if (entry.leaf !== undefined) return this.#hasCheckpoints;
    const end = this.#knownEnds.get(entry.writer);
    return end !== undefined && comparePlaces(entry, end) <= 0;
  }

  #openOf(writer: string): OpenEvent[] {
    const open = this.#open.get(writer) ?? [];
    this.#open.set(writer, open);
    return open;
  }

  #close(writer: string, isCovered: (entry: Entry) => boolean): void {
    const left = (this.#open.get(writer) ?? []).filter(({ entry }) => !isCovered(entry));
    if (left.length === 0) this.#open.delete(writer);
    else this.#open.set(writer, left);
  }
}
