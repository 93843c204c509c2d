import { AuditError } from "../audit/event.ts";
import type { ToAudit } from "./messages.ts";

interface Wait {
  readonly position: number;
  readonly resolve: () => void;
  readonly reject: (error: AuditError) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * Whether NATS has the events that are durable, and takes more, as the thread that answers calls knows it.
 *
 * An outage, a failure or one acknowledgement that is late is an obstacle. It is over when NATS has acknowledged every
 * event that was durable when events could be sent again: before, a new event would wait behind all of those.
 */
export class Following {
  readonly #send: (message: ToAudit) => void;
  readonly #boundMs: number;
  /** An array, as in `AppendBatches`. Later waits have positions that are no lower. */
  readonly #waits: Wait[] = [];
  /** The last position that is known to be durable, the last that NATS is known to have, and the last asked for. */
  #durable = 0;
  #followed = 0;
  #asked = 0;
  #isAsking = false;
  #obstacle: string | undefined;
  /** Where the obstacle ends. Undefined: not before events can be sent again. */
  #until: number | undefined;

  /** An event that NATS has not acknowledged `boundMs` after it was durable is NOT_FORWARDED. */
  constructor(send: (message: ToAudit) => void, boundMs: number, obstacle: string) {
    this.#send = send;
    this.#boundMs = boundMs;
    this.#obstacle = obstacle;
  }

  /** Why NATS would not acknowledge an event in time, human-readable. Undefined: it is worth trying. */
  get obstacle(): string | undefined {
    return this.#obstacle;
  }

  /** Every event up to `position` is durable. */
  reached(position: number): void {
    this.#durable = Math.max(this.#durable, position);
  }

  /** NATS has every event up to `position`. */
  followed(position: number): void {
    this.#followed = Math.max(this.#followed, position);
    while (this.#waits[0] !== undefined && this.#waits[0].position <= this.#followed) settled(this.#waits).resolve();
    if (this.#until !== undefined && this.#until <= position) this.#obstacle = this.#until = undefined;
  }

  /** Resolves when NATS has every event that is durable now. Rejects with NOT_FORWARDED when that takes too long. */
  wait(): Promise<void> {
    const position = this.#durable;
    if (position <= this.#followed) return Promise.resolve();
    if (!this.#isAsking) setImmediate(() => this.#ask());
    this.#isAsking = true;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#giveUp(), this.#boundMs);
      this.#waits.push({ position, resolve, reject, timer });
    });
  }

  /** Says why NATS takes no events. */
  blocked(reason: string): void {
    this.#obstacle = reason;
    this.#until = undefined;
  }

  /** Events can be sent again. */
  unblocked(): void {
    if (this.#obstacle === undefined) return;
    this.#until = this.#durable;
    this.#asked = this.#durable;
    this.#send({ type: "follow", position: this.#until });
  }

  /** Rejects every wait: nothing is forwarded any more, or nobody would be told of it. */
  end(): void {
    while (this.#waits.length > 0) settled(this.#waits).reject(notForwarded("the audit log has ended"));
  }

  /** Asks once for all waits of a turn. */
  #ask(): void {
    this.#isAsking = false;
    if (this.#durable === this.#asked) return;
    this.#asked = this.#durable;
    this.#send({ type: "follow", position: this.#asked });
  }

  /** The oldest wait is the first whose time is over. */
  #giveUp(): void {
    const reason = `it has not acknowledged an event within ${this.#boundMs} ms`;
    settled(this.#waits).reject(notForwarded(reason));
    if (this.#obstacle !== undefined) return;
    this.blocked(reason);
    this.unblocked();
  }
}

/** Takes the oldest wait out of the list, which must not be empty. */
function settled(waits: Wait[]): Wait {
  const wait = waits.shift() as Wait;
  clearTimeout(wait.timer);
  return wait;
}

function notForwarded(reason: string): AuditError {
  return new AuditError("NOT_FORWARDED", `the event is not known to be in NATS: ${reason}`);
}
