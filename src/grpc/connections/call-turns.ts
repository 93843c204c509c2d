import { setReading } from "../process/socket-reading.ts";
import type { Connection } from "./connection.ts";

/** How many calls a connection may begin in a turn of the event loop until it has to wait, and then in each visit. */
const QUANTUM = 16;
/** About how many calls begin in a turn, or are read, of the connections that have waited. */
const CALLS_IN_TURN = 128;

/**
 * Lets connections take turns. The calls of one that sends more than its quantum begin in later turns of the event
 * loop, with those of a few others, and until the last of them has begun nothing more is read from its socket. Node
 * would read and serve thousands of calls before it looks at the next socket. A call that was reset meanwhile never
 * begins: it cost its headers alone.
 */
export class CallTurns {
  /** First the connection that is visited next. */
  readonly #waiting = new Map<Connection, (() => void)[]>();

  /** Lets a new connection wait for its first visit: its client may have sent as much as one that takes most. */
  enter(connection: Connection): void {
    this.#wait(connection, []);
  }

  /** Calls `begin` at once, or in a later turn, or never when the connection ends before. */
  take(connection: Connection, begin: () => void): void {
    const waiting = this.#waiting.get(connection);
    if (waiting !== undefined) waiting.push(begin);
    else if (connection.callsInTurn <= QUANTUM) begin();
    else this.#wait(connection, [begin]);
  }

  /**
   * Reads a connection that does not wait. Node stops the reads of a session while it writes, and over TLS it does not
   * always start them again: it would never learn that such a client is gone.
   */
  keepReading(connection: Connection): void {
    if (!this.#waiting.has(connection)) setReading(connection.socket, true);
  }

  /** Forgets a connection that has ended. */
  leave(connection: Connection): void {
    this.#waiting.delete(connection);
  }

  #wait(connection: Connection, begins: (() => void)[]): void {
    setReading(connection.socket, false);
    if (this.#waiting.size === 0) setImmediate(() => this.#visit());
    this.#waiting.set(connection, begins);
  }

  #visit(): void {
    let calls = 0;
    for (const [connection, waiting] of this.#waiting) {
      if (calls >= CALLS_IN_TURN) break;
      const begins = waiting.splice(0, QUANTUM);
      calls += begins.length;
      for (const begin of begins) begin();
      // It may have been cut because of them.
      if (!this.#waiting.delete(connection)) continue;
      if (waiting.length > 0) this.#waiting.set(connection, waiting);
      else {
        setReading(connection.socket, true);
        // Probably as many follow as came with the last read.
        calls += connection.callsInTurn || CALLS_IN_TURN;
      }
    }
    // Node starts the reads of a session again once a write has ended, over TLS after each one.
    for (const { socket } of this.#waiting.keys()) setReading(socket, false);
    if (this.#waiting.size > 0) setImmediate(() => this.#visit());
  }
}
