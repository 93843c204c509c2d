import { Worker } from "node:worker_threads";
import { endsWithin } from "../async/timeout.ts";
import { AuditError } from "../audit/event.ts";
import type { AuditPipeline, AuditReport, AuditSettings } from "../audit/pipeline.ts";
import type { Depth } from "../audit/spool/spool.ts";
import { AppendBatches, overdue, received } from "./append-batches.ts";
import type { FromAudit, ToAudit } from "./messages.ts";

/** The entry point of the thread. */
export const AUDIT_THREAD = new URL("./entry.ts", import.meta.url);

/** How long the thread may take to answer: callers must not wait indefinitely for storage that hangs. */
const ANSWER_MS = 10_000;

/** How long a stop may take beyond its deadline for forwarding. */
const CLOSE_MS = 2_000;

/**
 * Runs the audit in its own thread, so that encoding, hashing, syncing and publishing events take no time from the
 * thread that answers calls.
 *
 * Rejects with an AuditError when the spool can't be opened. When the thread dies later, `onDeath` is called once, and
 * every pending and later call is UNAVAILABLE. A call that is not answered within `answerMs` is UNAVAILABLE too, and so
 * is every append until the answer comes.
 */
export async function startAuditThread(
  settings: AuditSettings,
  report: (report: AuditReport) => void,
  onDeath: (error: unknown) => void,
  program: URL = AUDIT_THREAD,
  answerMs = ANSWER_MS,
): Promise<AuditPipeline> {
  const worker = new Worker(program, { workerData: settings });
  const send = (message: ToAudit): void => worker.postMessage(message);
  const appends = new AppendBatches(send, answerMs);
  const depths: PromiseWithResolvers<Depth>[] = [];
  const opened = Promise.withResolvers<void>();
  const exited = Promise.withResolvers<void>();
  let running = false;
  let ended: AuditError | undefined;

  worker.on("message", (message: FromAudit) => {
    switch (message.type) {
      case "appended":
        return appends.settle(message);
      case "report":
        return report(message.report);
      case "depth":
        return "depth" in message
          ? depths.shift()?.resolve(message.depth)
          : depths.shift()?.reject(received(message.error));
      case "opened":
        running = true;
        return opened.resolve();
      case "failed":
        return opened.reject(received(message.error));
      case "stopped":
        return end("was stopped");
    }
  });
  worker.once("error", fail);
  worker.once("exit", () => {
    fail(new Error("the audit thread has ended"));
    exited.resolve();
  });
  await opened.promise;

  return {
    get running() {
      return running;
    },
    append(event, time) {
      return ended === undefined ? appends.add(event, time) : Promise.reject(ended);
    },
    async depth() {
      if (ended !== undefined) throw ended;
      const asked = Promise.withResolvers<Depth>();
      depths.push(asked);
      send({ type: "depth" });
      if (!(await endsWithin(answerMs, asked.promise))) throw overdue();
      return await asked.promise;
    },
    async stop(deadlineMs) {
      appends.flush();
      send({ type: "stop", deadlineMs });
      if (await endsWithin(deadlineMs + CLOSE_MS, exited.promise)) return;
      end("was terminated");
      // Not awaited: the thread ends only when its running storage operations have ended.
      void worker.terminate();
      throw overdue();
    },
  };

  function fail(cause: unknown): void {
    opened.reject(cause);
    if (!running || ended !== undefined) return;
    end("has died", cause);
    onDeath(cause);
  }

  function end(how: string, cause?: unknown): void {
    ended = new AuditError("UNAVAILABLE", `the audit thread ${how}`, { cause });
    running = false;
    appends.end(ended);
    for (const { reject } of depths) reject(ended);
  }
}
