import { Worker } from "node:worker_threads";
import { endsWithin } from "../async/timeout.ts";
import { AuditError } from "../audit/event.ts";
import type { AuditPipeline, AuditReport, AuditSettings } from "../audit/pipeline.ts";
import type { Depth } from "../audit/spool/retention.ts";
import { AppendBatches, overdue, received } from "./append-batches.ts";
import type { FromAudit, ToAudit } from "./messages.ts";
import { Standing } from "./standing.ts";

/** The entry point of the thread. */
export const AUDIT_THREAD = new URL("./entry.ts", import.meta.url);

interface Pace {
  /** How long the thread may take to answer: callers must not wait indefinitely for storage that hangs. */
  readonly answerMs: number;
  /** How often the storage is examined. */
  readonly examineMs: number;
}

const PACE: Pace = { answerMs: 10_000, examineMs: 1_000 };

/** How long a stop may take beyond its deadline for forwarding. */
const CLOSE_MS = 2_000;

/**
 * Runs the audit in its own thread, so that encoding, hashing, syncing and publishing events take no time from the
 * thread that answers calls.
 *
 * Rejects with an AuditError when the spool can't be opened. When the thread dies later, `onDeath` is called once, and
 * every pending and later call is UNAVAILABLE. A call that is not answered within `answerMs` is UNAVAILABLE too.
 *
 * While {@link Standing} says that the storage fails, appends are refused at once. Otherwise they would pile up behind
 * storage that hangs, and a full disk would take a few of them and lose the rest.
 */
export async function startAuditThread(
  settings: AuditSettings,
  report: (report: AuditReport) => void,
  onDeath: (error: unknown) => void,
  program: URL = AUDIT_THREAD,
  { answerMs, examineMs }: Pace = PACE,
): Promise<AuditPipeline> {
  const worker = new Worker(program, { workerData: settings });
  const send = (message: ToAudit): void => worker.postMessage(message);
  const appends = new AppendBatches(send, answerMs);
  const depths: PromiseWithResolvers<Depth>[] = [];
  const joins: PromiseWithResolvers<void>[] = [];
  const opened = Promise.withResolvers<Pick<AuditPipeline, "writer" | "acceptedLoss">>();
  const exited = Promise.withResolvers<void>();
  let standing: Standing | undefined;
  let onObstacle = (): void => {};
  let ended: AuditError | undefined;

  worker.on("message", (message: FromAudit) => {
    switch (message.type) {
      case "appended":
        if (message.errors !== undefined) standing?.failed(message.errors.values());
        return appends.settle(message);
      case "report":
        noteBacklog(message.report);
        return report(message.report);
      case "depth":
        return "depth" in message
          ? depths.shift()?.resolve(message.depth)
          : depths.shift()?.reject(received(message.error));
      case "examined":
        return standing?.examined(message);
      case "joined":
        return message.error === undefined ? joins.shift()?.resolve() : joins.shift()?.reject(received(message.error));
      case "opened":
        standing = new Standing(send, message.full, () => onObstacle(), examineMs);
        return opened.resolve(message);
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
  const { writer, acceptedLoss } = await opened.promise;

  return {
    writer,
    acceptedLoss,
    get obstacle() {
      return standing?.obstacle;
    },
    onObstacle(listener) {
      onObstacle = listener;
    },
    look: async () => standing?.look(),
    append(event, time) {
      if (ended !== undefined) return Promise.reject(ended);
      const failure = standing?.failure;
      return failure === undefined
        ? appends.add(event, time)
        : Promise.reject(new AuditError("UNAVAILABLE", `waits for ${failure}`));
    },
    joinInstallation: (installation) => ask(joins, { type: "join", installation }),
    depth: () => ask(depths, { type: "depth" }),
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

  /** Sends a message whose answers come in the order of the questions. */
  async function ask<Answer>(questions: PromiseWithResolvers<Answer>[], message: ToAudit): Promise<Answer> {
    if (ended !== undefined) throw ended;
    const asked = Promise.withResolvers<Answer>();
    questions.push(asked);
    send(message);
    if (!(await endsWithin(answerMs, asked.promise))) throw overdue();
    return await asked.promise;
  }

  function noteBacklog(found: AuditReport): void {
    if (found.type === "audit.retrying" || found.type === "nats.down") standing?.blocked(found.message);
    // An outage without an event to forward ends without audit.forwarding.
    if (found.type === "audit.forwarding" || found.type === "nats.up") standing?.blocked(undefined);
  }

  function fail(cause: unknown): void {
    opened.reject(cause);
    if (standing === undefined || ended !== undefined) return;
    end("has died", cause);
    onDeath(cause);
  }

  function end(how: string, cause?: unknown): void {
    ended = new AuditError("UNAVAILABLE", `the audit thread ${how}`, { cause });
    standing?.end();
    appends.end(ended);
    for (const { reject } of [...depths, ...joins]) reject(ended);
  }
}
