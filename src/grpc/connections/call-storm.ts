import { performance } from "node:perf_hooks";
import type { Connection } from "./connection.ts";

/** How many times the calls that may be open are a storm of calls. */
const STORM = 1.25;
/** How many calls a connection may open in a turn with such a storm. */
const CALLS_IN_STORM = 32;

/**
 * Finds turns of the event loop with far more calls than may be open. Node frees the streams of a turn at its end, also
 * those that were refused or reset: a connection that goes on opening calls in such a turn is cut, after which the rest
 * of what it sent costs little. It can't be made to wait instead: Node reads on until the turn ends.
 */
export class CallStorm {
  readonly #mostCalls: number;
  /** Libuv's number of the turn. */
  #turn = 0;
  /** The calls that were closed or refused in this turn. */
  #gone = 0;

  constructor(maxOpenCalls: number) {
    this.#mostCalls = STORM * maxOpenCalls;
  }

  /** Counts a call that was closed or refused. */
  countGone(): void {
    this.#gone += 1;
  }

  /** Forgets the calls of earlier turns. Must be called now and then. */
  look(): void {
    const { loopCount } = performance.nodeTiming.uvMetricsInfo;
    if (loopCount !== this.#turn) this.#gone = 0;
    this.#turn = loopCount;
  }

  /** Whether the connection, which opens one more call, must be cut. */
  isDrivenBy(connection: Connection, openCalls: number): boolean {
    if (openCalls + this.#gone <= this.#mostCalls) return false;
    this.look();
    return openCalls + this.#gone > this.#mostCalls && connection.countInTurn(this.#turn) > CALLS_IN_STORM;
  }
}
