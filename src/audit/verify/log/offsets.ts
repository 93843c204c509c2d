/** An event by its place in an epoch. */
interface EventAt {
  readonly seq: number;
  readonly eventId: string;
  readonly at: number;
}

interface Offset {
  count: number;
  /** The first of them: more are counted. */
  readonly events: EventAt[];
}

const MAX_EVENTS = 100;
const NO_LOG = undefined;

/**
 * By how much the log indexes of an epoch's events differ from their `seq`. It is the same for all of them, since both
 * count the events one by one. Undefined for events without an index.
 */
export class LogOffsets {
  readonly #offsets = new Map<number | undefined, Offset>();
  #last: Offset = { count: 0, events: [] };
  #lastOffset: number | undefined = Number.NaN;

  add(seq: number, eventId: string, at: number, index: number | undefined): void {
    const offset = index === undefined ? NO_LOG : index - seq;
    if (offset !== this.#lastOffset) this.#select(offset);
    this.#last.count += 1;
    if (this.#last.events.length < MAX_EVENTS) this.#last.events.push({ seq, eventId, at });
  }

  /** That of most events. */
  usual(): number | undefined {
    return this.#mostCommon()?.[0];
  }

  /** The first event, where most have no index. */
  unindexed(): EventAt | undefined {
    const usual = this.#mostCommon();
    if (usual === undefined || usual[0] !== NO_LOG) return undefined;
    return usual[1].events.toSorted((left, right) => left.seq - right.seq)[0];
  }

  /** The events that have another one, or none, and the index that each of them has. */
  *odd(): Generator<EventAt & { readonly index: number | undefined }> {
    const usual = this.#mostCommon();
    for (const [offset, { events }] of this.#offsets)
      if (offset !== usual?.[0])
        for (const event of events) yield { ...event, index: offset === undefined ? undefined : event.seq + offset };
  }

  /** Most events have the offset of the one before. */
  #select(offset: number | undefined): void {
    let found = this.#offsets.get(offset);
    if (found === undefined) {
      found = { count: 0, events: [] };
      this.#offsets.set(offset, found);
    }
    this.#last = found;
    this.#lastOffset = offset;
  }

  #mostCommon() {
    return [...this.#offsets].reduce<[number | undefined, Offset] | undefined>(
      (most, next) => (most === undefined || next[1].count > most[1].count ? next : most),
      undefined,
    );
  }
}
