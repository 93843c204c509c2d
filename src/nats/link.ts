import type { ConnectionOptions, NatsConnection, Status } from "nats";
import { backoff } from "../async/backoff.ts";
import { endsWithin, pause, within } from "../async/timeout.ts";
import { createWakeup } from "../async/wakeup.ts";
import type { CertificateValidity } from "./access.ts";
import { dial, dialProven, type Renewal } from "./dial.ts";
import { type Denial, dialFailure } from "./errors.ts";

/** What the link reports. `message` names servers and files, never credentials. */
export type LinkReport =
  /** `renewed`: with changed options, and the `certificate` of this client that they have. */
  | { readonly type: "up" | "renewed"; readonly server: string; readonly certificate?: CertificateValidity | undefined }
  /** `not_renewed`: changed options are of no use, so the last good ones stay in use. */
  | { readonly type: "down" | "not_renewed"; readonly message: string };

/** No answer is waited for longer: by then, what was sent over a replaced connection is answered or given up. */
const LINGER_MS = 5000;
const FLUSH_MS = 1000;

/**
 * A connection to NATS, dialled in the background until `close`: the service starts without it. The first connection is
 * retried here, because the library's own wait for it can't be ended. Until it is closed, a link keeps the process
 * alive.
 */
export class NatsLink {
  #options: ConnectionOptions;
  /** Options that are to replace the present ones, and have not connected yet. */
  #next: Renewal | undefined;
  #renewing: Promise<void> | undefined;
  readonly #hurry = createWakeup();
  readonly #retiring = new Set<Promise<void>>();
  readonly #report: (report: LinkReport) => void;
  readonly #pause: typeof pause;
  readonly #closing = new AbortController();
  readonly #cameUp = createWakeup();
  readonly #downListeners = new Map<() => void, NatsConnection>();
  readonly #denialListeners = new Set<(denial: Denial) => void>();
  readonly #done: Promise<void>;
  #current: NatsConnection | undefined;
  #open: NatsConnection | undefined;
  #generation = 0;
  #outages = 0;
  #outage: string | undefined;

  /**
   * Reports an outage once, and again when its reason changes. `pauseBetweenDials` MUST end early when its signal
   * aborts.
   */
  constructor(options: ConnectionOptions, report: (report: LinkReport) => void, pauseBetweenDials = pause) {
    this.#options = options;
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

  /**
   * Another number after each time in which the servers may have been exchanged. None passes where one connection
   * replaces another that still answers.
   */
  get outages(): number {
    return this.#outages;
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

  /** Calls the listener when this connection is lost or no longer used. Returns the function that removes it. */
  onDown(connection: NatsConnection, listener: () => void): () => void {
    this.#downListeners.set(listener, connection);
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

  /**
   * Replaces the options, for example by new credentials. The connection in use stays until one with these options is
   * up and `prove` has resolved for it; what was sent over it is then still answered. Options that can't connect, or
   * are not proven, are tried until others replace them.
   */
  renew(renewal: Renewal): void {
    this.#next = renewal;
    this.#hurry.wake();
    this.#renewing ??= this.#renew();
  }

  /** Sends what is pending, for at most `boundMs`, and closes. */
  async close(boundMs: number): Promise<void> {
    this.#closing.abort();
    const connection = this.#open;
    if (this.#current !== undefined) await endsWithin(boundMs, this.#current.flush());
    // Not drain(): when the server is gone, it leaves timers behind.
    await connection?.close();
    await Promise.all([this.#done, this.#renewing, ...this.#retiring]);
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#closing.signal.aborted; ) {
      const connection = await this.#dial();
      if (connection === undefined) await this.#pause(backoff(++failures, Math.random()), this.#closing.signal);
      else {
        failures = 0;
        if (this.#open === undefined) this.#use(connection, { type: "up", server: connection.getServer() });
        // Renewed options were faster.
        else await connection.close();
      }
      await this.#untilClosed();
    }
  }

  /** Resolves when neither the connection in use nor one that has replaced it is open. */
  async #untilClosed(): Promise<void> {
    for (let open = this.#open; open !== undefined; open = this.#open) {
      if (this.#closing.signal.aborted) await open.close();
      await open.closed();
      this.#down(open, "closed");
      if (this.#open === open) this.#open = undefined;
    }
  }

  async #dial(): Promise<NatsConnection | undefined> {
    try {
      return await dial(this.#options, this.#closing.signal);
    } catch (error) {
      // Renewed options may have connected meanwhile: there is no outage then.
      if (this.#open === undefined) this.#reportDown(dialFailure(error, this.#options));
      return undefined;
    }
  }

  async #renew(): Promise<void> {
    let failures = 0;
    let reported: string | undefined;
    for (let next = this.#next; next !== undefined && !this.#closing.signal.aborted; next = this.#next) {
      try {
        const connection = await dialProven(next, this.#closing.signal);
        const isGapless = await this.#answers();
        if (this.#next === next) this.#next = undefined;
        if (this.#closing.signal.aborted) await connection.close();
        else this.#replace(connection, next, isGapless);
      } catch (error) {
        if (this.#closing.signal.aborted) break;
        const message = dialFailure(error, next.options);
        if (reported !== message) this.#report({ type: "not_renewed", message });
        reported = message;
        await this.#hurry.wait(this.#closing.signal, backoff(++failures, Math.random()));
      }
    }
    this.#renewing = undefined;
  }

  /** Whether the connection in use was never lost until now. One that is dead may not be known to be. */
  async #answers(): Promise<boolean> {
    const [connection, generation] = [this.#current, this.#generation];
    if (connection === undefined) return false;
    const flushed = connection.flush().then(
      () => true,
      () => false,
    );
    const answered = await within({ ms: FLUSH_MS, signal: this.#closing.signal }, flushed, () => false);
    return answered && this.#current === connection && this.#generation === generation;
  }

  /** `isGapless`: the connection in use answered when this one was up already. */
  #replace(connection: NatsConnection, { options, certificate }: Renewal, isGapless: boolean): void {
    const [replaced, wasUp] = [this.#open, this.#current !== undefined];
    this.#options = options;
    this.#use(connection, { type: "renewed", server: connection.getServer(), certificate }, isGapless);
    if (replaced === undefined) return;
    const retiring = this.#retire(replaced, wasUp ? LINGER_MS : 0).finally(() => this.#retiring.delete(retiring));
    this.#retiring.add(retiring);
  }

  /** Closes a connection that was replaced, once nobody waits for an answer over it. */
  async #retire(connection: NatsConnection, lingerMs: number): Promise<void> {
    await Promise.race([pause(lingerMs, this.#closing.signal), connection.closed()]);
    this.#callDown(connection);
    // What the listeners have sent, such as the end of a consumer.
    if (!this.#closing.signal.aborted) await endsWithin(FLUSH_MS, connection.flush());
    await connection.close();
  }

  #use(connection: NatsConnection, report: LinkReport, isGapless = false): void {
    this.#open = connection;
    this.#up(connection, report, isGapless);
    // Never awaited: the library does not end the statuses when the connection closes.
    void this.#follow(connection);
  }

  async #follow(connection: NatsConnection): Promise<void> {
    // The library says "reconnect" once more for each attempt that a server had begun to answer: only the first one after
    // a loss counts. A loss before this listens is not heard, and its return counts all the same.
    let isBack = false;
    for await (const status of connection.status()) {
      if (status.type === "disconnect") {
        // Its old credentials may be refused from now on: it must not ask for a connection again and again.
        if (connection !== this.#open) await connection.close();
        this.#down(connection, "disconnected");
        isBack = false;
      }
      if (status.type === "reconnect") {
        if (connection === this.#open && !isBack) this.#up(connection, { type: "up", server: connection.getServer() });
        isBack = true;
      }
      if (status.type === "error") this.#fault(connection, status);
    }
  }

  #up(connection: NatsConnection, report: LinkReport, isGapless = false): void {
    this.#current = connection;
    this.#generation++;
    if (!isGapless) this.#outages++;
    this.#outage = undefined;
    this.#report(report);
    this.#cameUp.wake();
  }

  #down(connection: NatsConnection, message: string): void {
    if (this.#current === connection) {
      this.#current = undefined;
      this.#reportDown(message);
    }
    this.#callDown(connection);
  }

  #callDown(connection: NatsConnection): void {
    for (const [listener, heard] of [...this.#downListeners]) {
      if (heard !== connection) continue;
      this.#downListeners.delete(listener);
      listener();
    }
  }

  /** A server that is back may refuse this client: while there is no connection, that is the reason. */
  #fault(connection: NatsConnection, { data, permissionContext }: Status): void {
    if (permissionContext !== undefined) for (const listener of [...this.#denialListeners]) listener(permissionContext);
    else if (connection === this.#open && this.#current === undefined) this.#reportDown(String(data));
  }

  #reportDown(message: string): void {
    if (this.#outage === message) return;
    this.#outage = message;
    // What `close` ends is no outage: each orderly stop would warn of one.
    if (!this.#closing.signal.aborted) this.#report({ type: "down", message });
  }
}
