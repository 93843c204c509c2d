import type { Connection } from "./connection.ts";
import type { LoopTurns } from "./loop-turns.ts";

/** How many times the calls that may be open are a storm of calls. */
const STORM = 1.25;
/** How many calls a connection may open in a turn with such a storm. */
const CALLS_IN_STORM = 32;

/**
 * Finds turns of the event loop with far more calls than may be open. Node frees the streams of a turn at its end, also
 * those that were refused or reset: a connection that goes on opening calls in such a turn is cut, after which the rest
 * of what it sent costs little. It can't be made to wait instead: Node handles all that it has read before the turn
 * ends.
 */
export class CallStorm {
  readonly #mostCalls: number;
  readonly #loop: LoopTurns;
  #turn = 0;
  /** The calls that were closed or refused in this turn. */
  #gone = 0;

  constructor(maxOpenCalls: number, loop: LoopTurns) {
    this.#mostCalls = STORM * maxOpenCalls;
    this.#loop = loop;
  }

  /** Counts a call that was closed or refused. */
  countGone(): void {
    const { current } = this.#loop;
    this.#gone = current === this.#turn ? this.#gone + 1 : 1;
    this.#turn = current;
  }

  /** Whether the connection, which opens one more call, must be cut. */
  isDrivenBy(connection: Connection, openCalls: number): boolean {
    const gone = this.#loop.current === this.#turn ? this.#gone : 0;
    return openCalls + gone > this.#mostCalls && connection.callsInTurn > CALLS_IN_STORM;
  }
}
