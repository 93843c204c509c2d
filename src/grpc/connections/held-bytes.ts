import { INFLATER_BYTES } from "./message-meter.ts";

/** What is held for all clients together, which `grpc.max_buffered_bytes` bounds. */
export class HeldBytes {
  /** Of the requests of open calls. */
  requests = 0;
  /** Of answers that wait for their clients. */
  queued = 0;
  readonly #most: number;
  /**
   * Requests of calls that were aborted: what inflates them goes on, for a moment. An eighth is forgotten with each
   * tick of the timer.
   */
  #leaving = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** What waits for clients may take half: it stays for as long as they like, and their calls stay open with it. */
  get isTooMuchQueued(): boolean {
    return this.queued > this.#most / 2;
  }

  get isTooMuch(): boolean {
    return this.requests + this.queued > this.#most;
  }

  leave(bytes: number): void {
    this.#leaving += bytes;
  }

  tick(): void {
    this.#leaving = Math.trunc((this.#leaving * 7) / 8);
  }

  /**
   * Whether more of a request may be taken, whose messages may become so many `bytes`. "never": not even if no call were
   * open; a client that aborts such calls again and again would not be slowed by refusals.
   */
  mayInflate(bytes: number, read: ArrayBufferLike): "yes" | "not now" | "never" {
    if (bytes <= read.byteLength + INFLATER_BYTES) return "yes";
    if (this.#leaving + bytes > this.#most) return "never";
    return this.requests + this.#leaving + bytes > this.#most ? "not now" : "yes";
  }
}
