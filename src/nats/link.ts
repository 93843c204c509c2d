import { type ConnectionOptions, connect, type NatsConnection, type Status } from "nats";
import { backoff } from "../async/backoff.ts";
import { endsWithin, pause } from "../async/timeout.ts";
import { createWakeup } from "../async/wakeup.ts";
import type { Denial } from "./errors.ts";

/** What the link reports. `message` is the library's text; it names servers, never credentials. */
export type LinkReport =
  | { readonly type: "up"; readonly server: string }
  | { readonly type: "down"; readonly message: string };

const RECONNECT_MS = 250;
const DIAL_MS = 2000;

/**
 * A connection to NATS, dialled in the background until `close`: the service starts without it. The first connection is
 * retried here, because the library's own wait for it can't be ended. Until it is closed, a link keeps the process
 * alive.
 */
export class NatsLink {
  readonly #options: ConnectionOptions;
  readonly #report: (report: LinkReport) => void;
  readonly #pause: typeof pause;
  readonly #closing = new AbortController();
  readonly #cameUp = createWakeup();
  readonly #downListeners = new Set<() => void>();
  readonly #denialListeners = new Set<(denial: Denial) => void>();
  readonly #done: Promise<void>;
  #current: NatsConnection | undefined;
  #open: NatsConnection | undefined;
  #generation = 0;
  #outage: string | undefined;

  /**
   * Reports an outage once, and again when its reason changes. `pauseBetweenDials` MUST end early when its signal
   * aborts.
   */
  constructor(options: ConnectionOptions, report: (report: LinkReport) => void, pauseBetweenDials = pause) {
    this.#options = {
      ...options,
      maxReconnectAttempts: -1,
      reconnectDelayHandler: steadyPace(RECONNECT_MS),
      pingInterval: 5000,
      maxPingOut: 2,
      timeout: DIAL_MS,
      // A server whose accounts are being changed refuses for a while, which must not end the link.
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

  /** Why there is no connection, as the library says; undefined while there is one, and before the first attempt. */
  get outage(): string | undefined {
    return this.#outage;
  }

  /** How often the link came up. What was learned in an earlier generation may no longer hold. */
  get generation(): number {
    return this.#generation;
  }

  /** Resolves with the connection once it is up. Rejects when the signal aborts or the link is closed first. */
  async connected(signal: AbortSignal): Promise<NatsConnection> {
    const either = AbortSignal.any([signal, this.#closing.signal]);
    while (this.#current === undefined) {
      either.throwIfAborted();
      await this.#cameUp.wait(either);
    }
    return this.#current;
  }

  /** Calls the listener whenever the connection is lost. Returns the function that removes it. */
  onDown(listener: () => void): () => void {
    this.#downListeners.add(listener);
    return () => this.#downListeners.delete(listener);
  }

  /**
   * Calls the listener whenever the server denies a publish or a subscription: nothing else says what became of a
   * message that is no request. Returns the function that removes it.
   */
  onDenial(listener: (denial: Denial) => void): () => void {
    this.#denialListeners.add(listener);
    return () => this.#denialListeners.delete(listener);
  }

  /** Sends what is pending, for at most `boundMs`, and closes. */
  async close(boundMs: number): Promise<void> {
    this.#closing.abort();
    const connection = this.#open;
    if (this.#current !== undefined) await endsWithin(boundMs, this.#current.flush());
    // Not drain(): when the server is gone, it leaves timers behind.
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
      // Never awaited: the library does not end the statuses when the connection closes.
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
      this.#reportDown(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  async #follow(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === "disconnect") this.#down("disconnected");
      if (status.type === "reconnect") this.#up(connection);
      if (status.type === "error") this.#fault(status);
    }
  }

  #up(connection: NatsConnection): void {
    this.#current = connection;
    this.#generation++;
    this.#outage = undefined;
    this.#report({ type: "up", server: connection.getServer() });
    this.#cameUp.wake();
  }

  #down(message: string): void {
    if (this.#current === undefined) return;
    this.#current = undefined;
    this.#reportDown(message);
    for (const listener of [...this.#downListeners]) listener();
  }

  /** A server that is back may refuse this client: while there is no connection, that is the reason. */
  #fault({ data, permissionContext }: Status): void {
    if (permissionContext !== undefined) for (const listener of [...this.#denialListeners]) listener(permissionContext);
    else if (this.#current === undefined) this.#reportDown(String(data));
  }

  #reportDown(message: string): void {
    if (this.#outage === message) return;
    this.#outage = message;
    // What `close` ends is no outage: each orderly stop would warn of one.
    if (!this.#closing.signal.aborted) this.#report({ type: "down", message });
  }
}

/**
 * The delay before the library dials a server again. The library counts it from the wall clock: if that were set back
 * by an hour, it would wait for an hour. No delay is left once the pause is over by the monotonic clock.
 */
function steadyPace(pauseMs: number): () => number {
  let last = Number.NEGATIVE_INFINITY;
  return () => {
    if (performance.now() - last < pauseMs) return pauseMs;
    last = performance.now();
    return Number.NEGATIVE_INFINITY;
  };
}
