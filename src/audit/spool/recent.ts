import type { StoredEvent } from "./reader.ts";

/**
 * The latest durable events, in memory: while the sink keeps up, they are forwarded without being read back from disk,
 * checked and parsed. The files hold them as well, and older events that no longer fit here.
 */
export class RecentEvents {
  readonly #maxBytes: number;
  readonly #events: StoredEvent[] = [];
  #bytes = 0;

  /** `maxBytes` limits the bodies. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Adds the events that follow those of the last call. */
  add(events: readonly StoredEvent[]): void {
    this.#events.push(...events);
    for (const { body } of events) this.#bytes += body.length;
    let surplus = 0;
    for (let excess = this.#bytes - this.#maxBytes; excess > 0; surplus++) {
      excess -= this.#events[surplus]?.body.length ?? 0;
    }
    this.#drop(surplus);
  }

  /** Up to `limit` events after `position`; empty when the first of them is not in memory. */
  read(position: number, limit: number): StoredEvent[] {
    const from = this.#indexAfter(position);
    return from < 0 ? [] : this.#events.slice(from, from + limit);
  }

  /** Drops the events up to `position`. */
  forget(position: number): void {
    this.#drop(Math.max(0, this.#indexAfter(position)));
  }

  #indexAfter(position: number): number {
    const [first] = this.#events;
    return first === undefined ? -1 : position + 1 - first.position;
  }

  #drop(count: number): void {
    for (const { body } of this.#events.splice(0, count)) this.#bytes -= body.length;
  }
}
