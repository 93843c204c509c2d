const PAGE_EVENTS = 64;
const HASH_BYTES = 32;

/** No event is at the place. */
export const ABSENT = 0;
/** The event at the place is known from an earlier run, and was not read in this one. */
export const KNOWN = -1;

interface Page {
  readonly hashes: Buffer;
  /** Where each event was read, {@link ABSENT} or {@link KNOWN}. */
  readonly at: Float64Array;
  /** Undefined for a writer that has no log. */
  leaves: Leaves | undefined;
}

interface Leaves {
  readonly hashes: Buffer;
  /** What each event counts as; 0 for an event that is not counted. */
  readonly tallies: Uint32Array;
}

/** Places that follow one another without a gap. */
export interface Run {
  readonly from: number;
  readonly to: number;
}

/**
 * The events of one epoch by their `seq`: the hash of each, and where it was read. They may come in any order. It takes
 * 40 bytes an event where they are dense, and 36 more for its leaf.
 */
export class Places {
  readonly #pages = new Map<number, Page>();
  #last: Page | undefined;
  #lastNumber = -1;

  /** Where the event was read, {@link ABSENT} or {@link KNOWN}. */
  at(seq: number): number {
    return this.#pageOf(seq)?.at[seq % PAGE_EVENTS] ?? ABSENT;
  }

  holds(seq: number, hash: string): boolean {
    return this.at(seq) !== ABSENT && this.hashOf(seq) === hash;
  }

  /** In base64. Empty where no event is. */
  hashOf(seq: number): string {
    const start = (seq % PAGE_EVENTS) * HASH_BYTES;
    return this.#pageOf(seq)?.hashes.toString("base64", start, start + HASH_BYTES) ?? "";
  }

  put(seq: number, hash: string, at: number): void {
    const page = this.#pageOf(seq) ?? this.#addPage(seq);
    page.hashes.write(hash, (seq % PAGE_EVENTS) * HASH_BYTES, HASH_BYTES, "base64");
    page.at[seq % PAGE_EVENTS] = at;
  }

  /** `tally` says what the event counts as; 0 for one that is not counted. */
  putLeaf(seq: number, hash: string, tally: number): void {
    const page = this.#pageOf(seq) ?? this.#addPage(seq);
    page.leaves ??= { hashes: Buffer.alloc(PAGE_EVENTS * HASH_BYTES), tallies: new Uint32Array(PAGE_EVENTS) };
    page.leaves.hashes.write(hash, (seq % PAGE_EVENTS) * HASH_BYTES, HASH_BYTES, "latin1");
    page.leaves.tallies[seq % PAGE_EVENTS] = tally;
  }

  /** The leaf hash of the event, in memory of this object. Undefined where no leaf was read in this run. */
  leafOf(seq: number): Buffer | undefined {
    if (this.at(seq) <= ABSENT) return undefined;
    const start = (seq % PAGE_EVENTS) * HASH_BYTES;
    return this.#pageOf(seq)?.leaves?.hashes.subarray(start, start + HASH_BYTES);
  }

  /** What the event counts as; 0 for one that is not counted. */
  tallyOf(seq: number): number {
    return this.#pageOf(seq)?.leaves?.tallies[seq % PAGE_EVENTS] ?? 0;
  }

  /** All places, in order. */
  *runs(): Generator<Run> {
    let from = 0;
    let to = 0;
    for (const [number, { at }] of [...this.#pages].toSorted(([left], [right]) => left - right))
      for (const [index, position] of at.entries()) {
        if (position === ABSENT) continue;
        const seq = number * PAGE_EVENTS + index;
        if (seq !== to + 1 || from === 0) {
          if (from !== 0) yield { from, to };
          from = seq;
        }
        to = seq;
      }
    if (from !== 0) yield { from, to };
  }

  #pageOf(seq: number): Page | undefined {
    const number = Math.floor(seq / PAGE_EVENTS);
    if (number === this.#lastNumber) return this.#last;
    const page = this.#pages.get(number);
    if (page !== undefined) this.#remember(number, page);
    return page;
  }

  #addPage(seq: number): Page {
    const number = Math.floor(seq / PAGE_EVENTS);
    const page = {
      hashes: Buffer.alloc(PAGE_EVENTS * HASH_BYTES),
      at: new Float64Array(PAGE_EVENTS),
      leaves: undefined,
    };
    this.#pages.set(number, page);
    this.#remember(number, page);
    return page;
  }

  /** Most events follow the one before. */
  #remember(number: number, page: Page): void {
    this.#lastNumber = number;
    this.#last = page;
  }
}
