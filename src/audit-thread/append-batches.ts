import { AuditError, type AuditEvent, type TimedEvent } from "../audit/event.ts";
import type { FromAudit, SentError, ToAudit } from "./messages.ts";

interface Batch {
  readonly items: TimedEvent[];
  readonly waiters: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[];
}

/** A turn that signs many tokens hands over the first of them meanwhile: else the two threads wait for each other in turn. */
const FULL = 32;

/**
 * The appends that wait for the thread's answer. What comes in one turn of the event loop crosses in one message, or one
 * for each {@link FULL}, and is answered by one.
 */
export class AppendBatches {
  readonly #send: (message: ToAudit) => void;
  readonly #answerMs: number;
  /** Few at once: a Map that entries come to and go from leaves much behind for the collector of garbage. */
  readonly #sent: (Batch & { readonly number: number; readonly timer: NodeJS.Timeout })[] = [];
  readonly #overdue = new Set<number>();
  #gathered: Batch | undefined;
  #next = 0;

  /** An append that is not answered within `answerMs` is UNAVAILABLE: whether its event is durable is unknown then. */
  constructor(send: (message: ToAudit) => void, answerMs: number) {
    this.#send = send;
    this.#answerMs = answerMs;
  }

  add(event: AuditEvent, time: number): Promise<void> {
    // Storage that hangs would gather all that is tried meanwhile, in memory, and write it once it goes on.
    if (this.#overdue.size > 0) return Promise.reject(overdue());
    if (this.#gathered === undefined) setImmediate(() => this.flush());
    this.#gathered ??= { items: [], waiters: [] };
    const { items, waiters } = this.#gathered;
    items.push([event, time]);
    const durable = new Promise<void>((resolve, reject) => waiters.push({ resolve, reject }));
    if (items.length === FULL) this.flush();
    return durable;
  }

  /** Sends what was gathered, without waiting for the turn's end. */
  flush(): void {
    const gathered = this.#gathered;
    if (gathered === undefined) return;
    this.#gathered = undefined;
    const number = this.#next++;
    this.#sent.push({ ...gathered, number, timer: setTimeout(() => this.#giveUp(number), this.#answerMs) });
    this.#send({ type: "append", batch: number, items: gathered.items });
  }

  settle({ batch, errors }: Extract<FromAudit, { type: "appended" }>): void {
    this.#overdue.delete(batch);
    for (const [index, { resolve, reject }] of this.#take(batch).entries()) {
      const error = errors?.get(index);
      if (error === undefined) resolve();
      else reject(received(error));
    }
  }

  /** Rejects whatever waits: there will be no answers. */
  end(error: AuditError): void {
    for (const { reject } of this.#gathered?.waiters ?? []) reject(error);
    this.#gathered = undefined;
    for (const { number } of [...this.#sent]) for (const { reject } of this.#take(number)) reject(error);
  }

  #giveUp(batch: number): void {
    this.#overdue.add(batch);
    for (const { reject } of this.#take(batch)) reject(overdue());
  }

  #take(batch: number): Batch["waiters"] {
    const at = this.#sent.findIndex(({ number }) => number === batch);
    if (at < 0) return [];
    const [sent] = this.#sent.splice(at, 1);
    clearTimeout(sent?.timer);
    return sent?.waiters ?? [];
  }
}

/** An error as it was in the other thread. */
export function received({ code, message }: SentError): Error {
  return code === undefined ? new Error(message) : new AuditError(code, message);
}

/** The thread lives, but does not answer. */
export function overdue(): AuditError {
  return new AuditError("UNAVAILABLE", "the audit's storage does not answer");
}
