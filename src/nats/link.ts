import { type ConnectionOptions, connect, type NatsConnection } from "nats";
import { backoff } from "../async/backoff.ts";
import { endsWithin, pause } from "../async/timeout.ts";
import { createWakeup } from "../async/wakeup.ts";

/** What the link tells the log. `message` is the library's; it names servers, never credentials. */
export type LinkReport =
  | { readonly type: "up"; readonly server: string }
  | { readonly type: "down"; readonly message: string };

const RECONNECT_MS = 250;
const DIAL_MS = 2000;

/**
 * A connection to NATS that is sought from the start and for ever, in the background: the service starts without it. The
 * first connection is retried here, since the library's own waiting for it can't be ended.
 */
export class NatsLink {
  readonly #options: ConnectionOptions;
  readonly #report: (report: LinkReport) => void;
  readonly #pause: typeof pause;
  readonly #closing = new AbortController();
  readonly #cameUp = createWakeup();
  readonly #downListeners = new Set<() => void>();
  readonly #done: Promise<void>;
  #current: NatsConnection | undefined;
  #open: NatsConnection | undefined;
  #generation = 0;
  #toldDown = false;

  /** An outage is reported once. `wait` stands between two dials; it ends early when the signal is aborted. */
  constructor(options: ConnectionOptions, report: (report: LinkReport) => void, pauseBetweenDials = pause) {
    this.#options = {
      ...options,
      maxReconnectAttempts: -1,
      reconnectDelayHandler: steadyPace(RECONNECT_MS),
      pingInterval: 5000,
      maxPingOut: 2,
      timeout: DIAL_MS,
      // A server whose accounts are being changed refuses for a while: that must not end the link.
      ignoreAuthErrorAbort: true,
    };
    this.#report = report;
    this.#pause = pauseBetweenDials;
    this.#done = this.#run();
  }

  /** The connection while it is up. */
  get connection(): NatsConnection | undefined {
    return this.#current;
  }

  /** How often the link came up: what was learned in another generation may not hold. */
  get generation(): number {
    return this.#generation;
  }

  /** The connection as soon as it is up, at once if it is; rejects when the signal is aborted or the link closed first. */
  async connected(signal: AbortSignal): Promise<NatsConnection> {
    const either = AbortSignal.any([signal, this.#closing.signal]);
    while (this.#current === undefined) {
      either.throwIfAborted();
      await this.#cameUp.wait(either);
    }
    return this.#current;
  }

  /** Calls the listener whenever the connection is lost. Returns how to end that. */
  onDown(listener: () => void): () => void {
    this.#downListeners.add(listener);
    return () => this.#downListeners.delete(listener);
  }

  /** Sends what is pending if that takes less than `boundMs`, and closes. */
  async close(boundMs: number): Promise<void> {
    this.#closing.abort();
    const connection = this.#open;
    if (this.#current !== undefined) await endsWithin(boundMs, this.#current.flush());
    // Not drain(): with the server gone it leaves timers behind.
    await connection?.close();
    await this.#done;
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#closing.signal.aborted; ) {
      const connection = await this.#dial();
      if (connection === undefined) {
        await this.#pause(backoff(++failures, Math.random()), this.#closing.signal);
        continue;
      }
      failures = 0;
      this.#open = connection;
      this.#up(connection);
      // Never awaited: the library does not end the statuses when the connection is closed.
      void this.#follow(connection);
      if (this.#closing.signal.aborted) await connection.close();
      await connection.closed();
      this.#down("closed");
    }
  }

  async #dial(): Promise<NatsConnection | undefined> {
    try {
      return await connect(this.#options);
    } catch (error) {
      this.#tellDown(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  async #follow(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === "disconnect") this.#down("disconnected");
      if (status.type === "reconnect") this.#up(connection);
    }
  }

  #up(connection: NatsConnection): void {
    this.#current = connection;
    this.#generation++;
    this.#toldDown = false;
    this.#report({ type: "up", server: connection.getServer() });
    this.#cameUp.wake();
  }

  #down(message: string): void {
    if (this.#current === undefined) return;
    this.#current = undefined;
    this.#tellDown(message);
    for (const listener of [...this.#downListeners]) listener();
  }

  #tellDown(message: string): void {
    if (this.#toldDown) return;
    this.#toldDown = true;
    this.#report({ type: "down", message });
  }
}

/**
 * The pause before a server is dialled again, for the library. It counts from the wall clock: one that was set back by an
 * hour since would let it wait for an hour. When the pause is over by the monotonic clock, none is left.
 */
function steadyPace(pauseMs: number): () => number {
  let last = Number.NEGATIVE_INFINITY;
  return () => {
    if (performance.now() - last < pauseMs) return pauseMs;
    last = performance.now();
    return Number.NEGATIVE_INFINITY;
  };
}
