import type { Entry } from "../entry.ts";
import type { Opened, Statement } from "../log/statement.ts";
import { type ChainPlace, comparePlaces, type KnownEnd, placeOf, type Vouched } from "../place.ts";
import { type Epoch, isAt, newEpoch } from "./epoch.ts";
import { ABSENT, KNOWN } from "./places.ts";

/** What an event states of its log, and where it stands. */
export interface StatementAt extends ChainPlace {
  readonly eventId: string;
  readonly at: number;
  readonly index: number;
  readonly statement: Statement;
}

/**
 * What was read of one writer, and how its events link. Events may come in any order and more than once: a replica
 * publishes again what NATS did not acknowledge, and all that a lost stream had. So a link that leads to no event yet
 * is judged at the end.
 */
export class WriterChain {
  readonly writer: string;
  /** The last event of the writer that an earlier run saw. */
  readonly known: KnownEnd | undefined;
  readonly #epochs = new Map<number, Epoch>();
  /** The number of each kind of event that is counted. */
  readonly #tallies = new Map<string, number>([["", 0]]);
  /** What its events state of its log, in the order in which they were read. */
  readonly statements: StatementAt[] = [];
  /** The first of them that opens a log. */
  opened: Opened | undefined;
  /** Different events. */
  events = 0;
  /** Events that came again. */
  duplicates = 0;
  /** How many events wait for the one that they link to. */
  openLinks = 0;
  #first: Entry | undefined;
  #last: Entry | undefined;
  #before: Entry | undefined;

  constructor(writer: string, known?: KnownEnd) {
    this.writer = writer;
    this.known = known;
    if (known !== undefined) this.epoch(known.epoch).places.put(known.seq, known.hash, KNOWN);
  }

  get epochs(): ReadonlyMap<number, Epoch> {
    return this.#epochs;
  }

  get first(): ChainPlace | undefined {
    return this.#first && placeOf(this.#first);
  }

  get last(): ChainPlace | undefined {
    return this.#last && placeOf(this.#last);
  }

  /** `at` is a number from 1 that says where the event was read. */
  add(entry: Entry, at: number): void {
    const epoch = this.epoch(entry.epoch);
    if (!this.#take(entry, at, epoch)) return;
    this.events += 1;
    if (this.#first === undefined || comparePlaces(entry, this.#first) < 0) this.#first = entry;
    if (this.#last === undefined || comparePlaces(entry, this.#last) > 0) this.#last = entry;
    this.#addLeaf(entry, at, epoch);
    this.#link(entry, at, epoch);
    this.#closeLinksTo(entry, epoch);
    this.#before = entry;
  }

  /** The epoch with this number, which may have no event. */
  epoch(number: number): Epoch {
    let epoch = this.#epochs.get(number);
    if (epoch === undefined) {
      epoch = newEpoch();
      this.#epochs.set(number, epoch);
    }
    return epoch;
  }

  /** The event at a place that has one. */
  vouched(place: ChainPlace): Vouched {
    return { ...placeOf(place), hash: this.epoch(place.epoch).places.hashOf(place.seq) };
  }

  /** How many events of this kind were counted, by the number of their kind. */
  tallyOf(kind: string, counts: ReadonlyMap<number, number>): number {
    return counts.get(this.#tallies.get(kind) ?? 0) ?? 0;
  }

  hasRival({ epoch, seq }: ChainPlace): boolean {
    return this.epoch(epoch).rivals.has(seq);
  }

  /** Gives the event its place. False for one that has it already. */
  #take({ seq, hash, eventId }: Entry, at: number, { places, rivals }: Epoch): boolean {
    const taken = places.at(seq);
    if (taken === ABSENT || (taken === KNOWN && places.holds(seq, hash))) {
      places.put(seq, hash, at);
      return true;
    }
    const others = rivals.get(seq) ?? new Map<string, { eventId: string; at: number }>();
    if (places.holds(seq, hash) || others.has(hash)) {
      this.duplicates += 1;
      return false;
    }
    others.set(hash, { eventId, at });
    rivals.set(seq, others);
    return true;
  }

  /** The leaf of a rival is in the way of the one that was read first. */
  #addLeaf({ epoch, seq, leaf, eventId }: Entry, at: number, { places, offsets }: Epoch): void {
    if (places.at(seq) !== at) return;
    offsets.add(seq, eventId, at, leaf?.index);
    if (leaf === undefined) return;
    places.putLeaf(seq, leaf.hash, this.#numberOf(leaf.tally));
    const { index, statement } = leaf;
    if (statement === undefined) return;
    this.statements.push({ epoch, seq, eventId, at, index, statement });
    if (statement.kind === "opened") this.opened ??= statement;
  }

  #numberOf(tally: string): number {
    const known = this.#tallies.get(tally);
    if (known !== undefined) return known;
    this.#tallies.set(tally, this.#tallies.size);
    return this.#tallies.size - 1;
  }

  /** The first event of an epoch links to the last one before it, which is known when all were read. */
  #link(entry: Entry, at: number, epoch: Epoch): void {
    const { seq, prevHash, eventId } = entry;
    if (seq > 1 && (this.#followsTheOneBefore(entry) || isAt(epoch, seq - 1, prevHash))) return;
    epoch.open.add(seq, { prevHash, eventId, at });
    this.openLinks += 1;
  }

  /** In a log, nearly every event follows the one that was read before: this costs less than to look that up. */
  #followsTheOneBefore({ epoch, seq, prevHash }: Entry): boolean {
    const before = this.#before;
    return before !== undefined && before.epoch === epoch && before.seq === seq - 1 && before.hash === prevHash;
  }

  #closeLinksTo({ seq, hash }: Entry, { open }: Epoch): void {
    this.openLinks -= open.close(seq + 1, hash);
  }
}
