import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { AuditError } from "../audit/event.ts";
import type { AuditSettings, FromAudit, SentError, ToAudit } from "./messages.ts";
import { type AuditAdapters, type OpenPipeline, openAuditPipeline } from "./pipeline.ts";

/** Runs the audit in this worker thread, with the settings in its `workerData`, until a `stop` message. */
export async function serveAudit(adapters: AuditAdapters = {}): Promise<void> {
  if (parentPort === null) throw new Error("the audit thread was not started as a worker");
  const port: MessagePort = parentPort;
  const send = (message: FromAudit): void => port.postMessage(message);
  try {
    const pipeline = await openAuditPipeline(
      workerData as AuditSettings,
      (report) => send({ type: "report", report }),
      adapters,
      (writer, log) => send({ type: "writer", writer, log }),
    );
    port.on("message", (message: ToAudit) => void handle(message, pipeline, send, port));
    const { full, last, writer, log, acceptedLoss } = pipeline;
    send({ type: "opened", full, last, writer, log, acceptedLoss });
  } catch (error) {
    send({ type: "failed", error: sent(error) });
    port.close();
  }
}

async function handle(message: ToAudit, pipeline: OpenPipeline, send: (message: FromAudit) => void, port: MessagePort) {
  switch (message.type) {
    case "append":
      return append(message, pipeline, send);
    case "follow":
      await pipeline.followed(message.position);
      return send({ type: "followed", position: message.position });
    case "depth":
      // Always answered, and in order: nothing else matches answers to requests.
      return pipeline.depth().then(
        (depth) => send({ type: "depth", depth }),
        (error) => send({ type: "depth", error: sent(error) }),
      );
    case "examine":
      return pipeline.examine(message.probe).then(
        () => send({ type: "examined", full: pipeline.full }),
        (error) => send({ type: "examined", full: pipeline.full, error: sent(error) }),
      );
    case "join":
      return pipeline.joinInstallation(message.installation).then(
        () => send({ type: "joined" }),
        (error) => send({ type: "joined", error: sent(error) }),
      );
    case "registered":
      return pipeline.registered(message.writer);
    case "checkpoint":
      return pipeline.checkpoint(message.counts, message.asked).then(
        (checkpoint) => send({ type: "checkpointed", request: message.request, checkpoint }),
        (error) => send({ type: "checkpointed", request: message.request, error: sent(error) }),
      );
    case "rotate":
      return pipeline.rotateKey(message.counts).then(
        () => send({ type: "rotated" }),
        (error) => send({ type: "rotated", error: sent(error) }),
      );
    case "close-log":
      return pipeline.closeLog(message.counts).then(
        (published) => send({ type: "log-closed", published }),
        (error) => send({ type: "log-closed", error: sent(error) }),
      );
    case "stop":
      await pipeline.stop(message.deadlineMs, message.counts);
      send({ type: "stopped" });
      port.close();
  }
}

async function append(
  { batch, items }: Extract<ToAudit, { type: "append" }>,
  pipeline: OpenPipeline,
  send: (message: FromAudit) => void,
): Promise<void> {
  const errors = await pipeline.appendAll(items);
  const answer = { type: "appended", batch, last: pipeline.last } as const;
  send(
    errors.size === 0 ? answer : { ...answer, errors: new Map([...errors].map(([at, error]) => [at, sent(error)])) },
  );
}

function sent(error: unknown): SentError {
  if (!(error instanceof Error)) return { message: String(error) };
  const cause = error.cause instanceof Error ? { cause: error.cause.message } : {};
  return { message: error.message, ...cause, ...(error instanceof AuditError ? { code: error.code } : {}) };
}
