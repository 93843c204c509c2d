import { AuditError, type AuditEvent, type TimedEvent } from "../audit/event.ts";
import type { FromAudit, SentError, ToAudit } from "./messages.ts";

interface Batch {
  readonly items: TimedEvent[];
  readonly waiters: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[];
}

/** The events of a turn that signs many tokens are sent early: otherwise each thread would idle in turn. */
const FULL = 32;

/**
 * Appends that wait for the thread's answer. Those of one turn of the event loop are sent in one message, or in one
 * message for every {@link FULL}. Each message gets one answer.
 */
export class AppendBatches {
  readonly #send: (message: ToAudit) => void;
  readonly #answerMs: number;
  /** An array, since it has few elements: a Map whose entries come and go leaves much garbage to collect. */
  readonly #sent: (Batch & { readonly number: number; readonly timer: NodeJS.Timeout })[] = [];
  #gathered: Batch | undefined;
  #next = 0;

  /** An append that is not answered within `answerMs` is UNAVAILABLE: whether its event is durable is then unknown. */
  constructor(send: (message: ToAudit) => void, answerMs: number) {
    this.#send = send;
    this.#answerMs = answerMs;
  }

  add(event: AuditEvent, time: number): Promise<void> {
    if (this.#gathered === undefined) setImmediate(() => this.flush());
    this.#gathered ??= { items: [], waiters: [] };
    const { items, waiters } = this.#gathered;
    items.push([event, time]);
    const durable = new Promise<void>((resolve, reject) => waiters.push({ resolve, reject }));
    if (items.length === FULL) this.flush();
    return durable;
  }

  /** Sends the events gathered so far, without waiting for the end of the turn. */
  flush(): void {
    const gathered = this.#gathered;
    if (gathered === undefined) return;
    this.#gathered = undefined;
    const number = this.#next++;
    this.#sent.push({ ...gathered, number, timer: setTimeout(() => this.#giveUp(number), this.#answerMs) });
    this.#send({ type: "append", batch: number, items: gathered.items });
  }

  settle({ batch, errors }: Extract<FromAudit, { type: "appended" }>): void {
    for (const [index, { resolve, reject }] of this.#take(batch).entries()) {
      const error = errors?.get(index);
      if (error === undefined) resolve();
      else reject(received(error));
    }
  }

  /** Rejects every append that waits: no answer will come. */
  end(error: AuditError): void {
    for (const { reject } of this.#gathered?.waiters ?? []) reject(error);
    this.#gathered = undefined;
    for (const { number } of [...this.#sent]) for (const { reject } of this.#take(number)) reject(error);
  }

  #giveUp(batch: number): void {
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

/** Rebuilds an error of the other thread. */
export function received({ code, message, cause }: SentError): Error {
  const options = cause === undefined ? {} : { cause: new Error(cause) };
  return code === undefined ? new Error(message, options) : new AuditError(code, message, options);
}

/** The error when the thread runs but does not answer. */
export function overdue(): AuditError {
  return new AuditError("UNAVAILABLE", "the audit storage does not answer");
}
