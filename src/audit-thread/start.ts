import { Worker } from "node:worker_threads";
import { AuditError, type Happening } from "../audit/event.ts";
import type { AuditReport, AuditSettings, AuditSide } from "../audit/side.ts";
import type { Depth } from "../audit/spool.ts";
import type { FromAudit, SentError, ToAudit } from "./messages.ts";

/** The program of the thread. */
export const AUDIT_THREAD = new URL("./entry.ts", import.meta.url);

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Runs the audit in a thread of its own: encoding, hashing, syncing and publishing events then take nothing of the time
 * of the thread that answers calls. What is appended in one turn of the event loop crosses in one message.
 *
 * Rejects with an AuditError when the spool can't be opened. When the thread dies, `died` is called, once, and whatever
 * waits or comes later is UNAVAILABLE.
 */
export async function startAuditThread(
  settings: AuditSettings,
  report: (report: AuditReport) => void,
  died: (error: unknown) => void,
  program: URL = AUDIT_THREAD,
): Promise<AuditSide> {
  const worker = new Worker(program, { workerData: settings });
  const waiting = new Map<number, Waiter>();
  const depths: ((depth: Depth) => void)[] = [];
  const opened = Promise.withResolvers<void>();
  const stopped = Promise.withResolvers<void>();
  let gathered: [Happening, number][] = [];
  let next = 0;
  let dead: unknown;

  worker.on("message", (message: FromAudit) => {
    switch (message.type) {
      case "appended":
        return settle(message);
      case "report":
        return report(message.report);
      case "depth":
        return depths.shift()?.(message.depth);
      case "opened":
        return opened.resolve();
      case "failed":
        return opened.reject(received(message.error));
      case "stopped":
        return stopped.resolve();
    }
  });
  worker.once("error", fail);
  worker.once("exit", () => fail(new Error("the audit's thread has ended")));
  await opened.promise;

  return {
    get running() {
      return dead === undefined;
    },
    append(happening, time) {
      if (dead !== undefined) return Promise.reject(unavailable(dead));
      if (gathered.length === 0) setImmediate(flush);
      gathered.push([happening, time]);
      return new Promise((resolve, reject) => waiting.set(next++, { resolve, reject }));
    },
    depth() {
      if (dead !== undefined) return Promise.reject(unavailable(dead));
      send({ type: "depth" });
      return new Promise((resolve) => depths.push(resolve));
    },
    async stop(deadlineMs) {
      flush();
      send({ type: "stop", deadlineMs });
      await stopped.promise;
    },
  };

  function send(message: ToAudit): void {
    worker.postMessage(message);
  }

  function flush(): void {
    if (gathered.length === 0) return;
    send({ type: "append", first: next - gathered.length, items: gathered });
    gathered = [];
  }

  function settle({ first, count, errors }: Extract<FromAudit, { type: "appended" }>): void {
    for (let number = first; number < first + count; number += 1) {
      const waiter = waiting.get(number);
      waiting.delete(number);
      const error = errors?.get(number);
      if (error === undefined) waiter?.resolve();
      else waiter?.reject(received(error));
    }
  }

  function fail(cause: unknown): void {
    if (dead !== undefined) return;
    dead = cause;
    stopped.resolve();
    opened.reject(cause);
    for (const waiter of waiting.values()) waiter.reject(unavailable(cause));
    waiting.clear();
    died(cause);
  }
}

function unavailable(cause: unknown): AuditError {
  return new AuditError("UNAVAILABLE", "the audit's thread is not running", { cause });
}

function received({ code, message }: SentError): Error {
  return code === undefined ? new Error(message) : new AuditError(code, message);
}
