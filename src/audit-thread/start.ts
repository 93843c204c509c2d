import { Worker } from "node:worker_threads";
import { endsWithin } from "../async/timeout.ts";
import { AuditError, type AuditEvent } from "../audit/event.ts";
import type { AuditPipeline, AuditReport, MadeCheckpoint } from "../audit/pipeline.ts";
import type { Depth } from "../audit/spool/retention.ts";
import { AppendBatches, overdue, received } from "./append-batches.ts";
import { Following } from "./following.ts";
import type { AuditSettings, FromAudit, ToAudit } from "./messages.ts";
import { Standing } from "./standing.ts";

/** The entry point of the thread. */
export const AUDIT_THREAD = new URL(import.meta.resolve("#audit-thread"));

interface Pace {
  /** How long the thread may take to answer: callers must not wait indefinitely for storage that hangs. */
  readonly answerMs: number;
  /** How often the storage is examined. */
  readonly examineMs: number;
  /** How long NATS may take to acknowledge an event that is durable here. */
  readonly forwardMs: number;
}

/**
 * An acknowledgement takes milliseconds, and tens of them where the server syncs each message. One that takes two
 * seconds waits for a server that is gone or elects a leader, which lasts longer than callers do, and until then each of
 * them keeps one of the open calls.
 */
const PACE: Pace = { answerMs: 10_000, examineMs: 1_000, forwardMs: 2_000 };

/** How long a stop may take beyond its deadline for forwarding. */
const CLOSE_MS = 2_000;

/**
 * Runs the audit in its own thread, so that encoding, hashing, syncing and publishing events take no time from the
 * thread that answers calls.
 *
 * Rejects with an AuditError when the spool can't be opened. When the thread dies later, `onDeath` is called once, and
 * every pending and later call is UNAVAILABLE. A call that is not answered within `answerMs` is UNAVAILABLE too.
 *
 * `onUnsent` gets each event that is refused before it is sent to the thread.
 *
 * While {@link Standing} says that the storage fails, appends are refused at once. Otherwise they would pile up behind
 * storage that hangs, and a full disk would take a few of them and lose the rest. Those that are to be forwarded are
 * not refused while {@link Following} has an obstacle: a caller asks for it before it does what the event records.
 */
export async function startAuditThread(
  settings: AuditSettings,
  report: (report: AuditReport) => void,
  onDeath: (error: unknown) => void,
  program: URL = AUDIT_THREAD,
  pace: Partial<Pace> = {},
  onUnsent: (event: AuditEvent) => void = () => {},
): Promise<AuditPipeline> {
  const { answerMs, examineMs, forwardMs } = { ...PACE, ...pace };
  const worker = new Worker(program, { workerData: settings });
  const send = (message: ToAudit): void => worker.postMessage(message);
  const appends = new AppendBatches(send, answerMs);
  const following = new Following(send, forwardMs, settings.nats ? "it is not reached yet" : "nats.url is empty");
  const depths: PromiseWithResolvers<Depth>[] = [];
  const joins: PromiseWithResolvers<void>[] = [];
  /** By the number of the request: one may wait for NATS while the next is answered. */
  const checkpoints = new Map<number, PromiseWithResolvers<MadeCheckpoint | undefined>>();
  let requests = 0;
  const rotations: PromiseWithResolvers<void>[] = [];
  const closings: PromiseWithResolvers<boolean>[] = [];
  const opened = Promise.withResolvers<Extract<FromAudit, { type: "opened" }>>();
  const exited = Promise.withResolvers<void>();
  let standing: Standing | undefined;
  let onObstacle = (): void => {};
  let ended: AuditError | undefined;
  let current: Pick<Extract<FromAudit, { type: "writer" }>, "writer" | "log"> = { writer: "", log: undefined };
  let onWriter = (): void => {};

  worker.on("message", (message: FromAudit) => {
    switch (message.type) {
      case "appended":
        if (message.errors !== undefined) standing?.failed(message.errors.values());
        following.reached(message.last);
        return appends.settle(message);
      case "followed":
        return following.followed(message.position);
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
      case "checkpointed":
        return message.error === undefined
          ? checkpoints.get(message.request)?.resolve(message.checkpoint)
          : checkpoints.get(message.request)?.reject(received(message.error));
      case "rotated":
        return message.error === undefined
          ? rotations.shift()?.resolve()
          : rotations.shift()?.reject(received(message.error));
      case "log-closed":
        return "published" in message
          ? closings.shift()?.resolve(message.published)
          : closings.shift()?.reject(received(message.error));
      case "writer":
        current = message;
        return onWriter();
      case "opened":
        following.reached(message.last);
        standing = new Standing(send, message.full, () => onObstacle(), examineMs);
        return opened.resolve(message);
      case "failed":
        return opened.reject(received(message.error));
      case "stopped":
        end("was stopped");
        // All is closed. It would live on until a DNS query has ended that nobody answers.
        void worker.terminate();
    }
  });
  worker.once("error", fail);
  worker.once("exit", () => {
    fail(new Error("the audit thread has ended"));
    exited.resolve();
  });
  const first = await opened.promise;
  const { acceptedLoss } = first;
  current = first;

  return {
    get writer() {
      return current.writer;
    },
    get log() {
      const { writer, log } = current;
      return log && { writer, ...log };
    },
    onWriter(listener) {
      onWriter = listener;
    },
    acceptedLoss,
    get obstacle() {
      return standing?.obstacle;
    },
    onObstacle(listener) {
      onObstacle = listener;
    },
    look: async () => standing?.look(),
    get forwardingObstacle() {
      return following.obstacle;
    },
    append(event, time, until = "durable") {
      if (ended !== undefined) {
        onUnsent(event);
        return Promise.reject(ended);
      }
      const failure = standing?.failure;
      if (failure !== undefined) {
        onUnsent(event);
        return Promise.reject(new AuditError("UNAVAILABLE", `waits for ${failure}`));
      }
      const durable = appends.add(event, time);
      return until === "durable" ? durable : durable.then(() => following.wait());
    },
    joinInstallation: (installation) => ask(joins, { type: "join", installation }),
    depth: () => ask(depths, { type: "depth" }),
    registered: (writer) => send({ type: "registered", writer }),
    checkpoint(counts, asked) {
      // The counts include what was signed for the events of this turn.
      appends.flush();
      const request = ++requests;
      const made = Promise.withResolvers<MadeCheckpoint | undefined>();
      checkpoints.set(request, made);
      return answerTo(made, { type: "checkpoint", request, counts, asked }).finally(() => checkpoints.delete(request));
    },
    rotateKey(counts) {
      appends.flush();
      return ask(rotations, { type: "rotate", counts });
    },
    closeLog(counts) {
      appends.flush();
      return ask(closings, { type: "close-log", counts });
    },
    async stop(deadlineMs, counts = new Map()) {
      appends.flush();
      send({ type: "stop", deadlineMs, counts });
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
    return await answerTo(asked, message);
  }

  async function answerTo<Answer>(asked: PromiseWithResolvers<Answer>, message: ToAudit): Promise<Answer> {
    if (ended !== undefined) throw ended;
    send(message);
    if (!(await endsWithin(answerMs, asked.promise))) throw overdue();
    return await asked.promise;
  }

  function noteBacklog(found: AuditReport): void {
    if (found.type === "audit.retrying" || found.type === "nats.down") {
      standing?.blocked(found.message);
      following.blocked(found.message);
    }
    // An outage without an event to forward ends without audit.forwarding.
    if (["audit.forwarding", "nats.up", "nats.renewed"].includes(found.type)) {
      standing?.blocked(undefined);
      following.unblocked();
    }
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
    following.end();
    for (const { reject } of [...depths, ...joins, ...checkpoints.values(), ...rotations, ...closings]) reject(ended);
  }
}
