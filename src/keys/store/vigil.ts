import type { Change } from "../../state/keyvalue.ts";
import type { Survey } from "./survey.ts";

/**
 * How long garbage lies at the place of the next epoch before a replica writes over it, in milliseconds: time for a
 * replica that holds the true epoch to put it back.
 */
export const PATIENCE_MS = 5_000;

/**
 * How the watch of a store goes. While it has no gap, every epoch is seen, except one that is overwritten before it is
 * delivered: the changes of one key may be merged. The replica that made it holds it, and puts it back.
 */
export class Watchfulness {
  #stretches = 0;
  #unbroken = false;

  /** The stretch without a gap that lasts now; undefined while there is no watch. */
  get stretch(): number | undefined {
    return this.#unbroken ? this.#stretches : undefined;
  }

  /** Follows the changes of a watch, and passes them on. */
  async *follow(changes: AsyncIterable<Change>): AsyncGenerator<Change> {
    try {
      for await (const change of changes) {
        if (change.type === "gap" || change.type === "current") this.#begin();
        yield change;
      }
    } finally {
      this.#unbroken = false;
    }
  }

  #begin(): void {
    this.#stretches += 1;
    this.#unbroken = true;
  }
}

/** Judges the place of a ring's next epoch, from look to look. */
export class Vigil {
  readonly #watch: Watchfulness;
  /** The stretch in which the place after the newest epoch was seen free, or was filled by this replica. */
  #sound: number | undefined;
  /** When garbage was first seen there, and in which stretch; undefined while there is none. */
  #garbage: { readonly since: number; readonly stretch: number | undefined } | undefined;

  constructor(watch: Watchfulness) {
    this.#watch = watch;
  }

  /**
   * Takes what a look at the store found. `lookedIn`: the stretch when the look began. `now` in Unix milliseconds.
   */
  saw(next: Survey["next"], lookedIn: number | undefined, now: number): void {
    const stretch = lookedIn === this.#watch.stretch ? lookedIn : undefined;
    if (next !== "garbage") {
      this.#garbage = undefined;
      // What lies there under an unknown KEK may be an epoch: garbage that replaces it would hide it.
      this.#sound = next === "free" ? stretch : undefined;
      return;
    }
    const { since = now, stretch: before = stretch } = this.#garbage ?? {};
    // After a gap it may be other garbage. A clock that was set back must not lengthen the wait.
    this.#garbage = { since: before === stretch ? Math.min(since, now) : now, stretch };
  }

  /** There is an epoch that this replica can't use, and that garbage may replace before the next look. */
  doubt(): void {
    this.#sound = undefined;
  }

  /** This replica wrote an epoch over the garbage. */
  mended(): void {
    this.#garbage = undefined;
    this.#sound = this.#watch.stretch;
  }

  /** Whether garbage at the place can hide no epoch: it was free, and has been watched ever since. */
  get sound(): boolean {
    return this.#sound !== undefined && this.#sound === this.#watch.stretch;
  }

  get obstructed(): boolean {
    return this.#garbage !== undefined;
  }

  /**
   * Whether there is garbage that may hide an epoch. Garbage that appears in an outage may; without any nothing is
   * hidden.
   */
  get mayHideAnEpoch(): boolean {
    return this.obstructed && !this.sound;
  }

  /** Whether this replica may write an epoch over garbage, if there is some. */
  mayReplaceGarbage(now: number): boolean {
    return this.sound || this.msUntilMending(now) === 0;
  }

  /** Milliseconds until this replica may write over the garbage; Infinity when there is none. */
  msUntilMending(now: number): number {
    return this.#garbage === undefined ? Infinity : Math.max(0, this.#garbage.since + PATIENCE_MS - now);
  }
}
