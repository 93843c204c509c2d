import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { AuditError } from "../audit/event.ts";
import type { AuditSettings } from "../audit/pipeline.ts";
import type { FromAudit, SentError, ToAudit } from "./messages.ts";
import { type AuditMachine, type OpenAudit, openAuditPipeline } from "./pipeline.ts";

/** Runs the audit in this worker thread, for the settings in its `workerData`, until it is told to stop. */
export async function serveAudit(machine: AuditMachine = {}): Promise<void> {
  if (parentPort === null) throw new Error("the audit's thread was not started as a worker");
  const port: MessagePort = parentPort;
  const send = (message: FromAudit): void => port.postMessage(message);
  try {
    const side = await openAuditPipeline(
      workerData as AuditSettings,
      (report) => send({ type: "report", report }),
      machine,
    );
    port.on("message", (message: ToAudit) => void handle(message, side, send, port));
    send({ type: "opened" });
  } catch (error) {
    send({ type: "failed", error: sent(error) });
    port.close();
  }
}

async function handle(message: ToAudit, side: OpenAudit, send: (message: FromAudit) => void, port: MessagePort) {
  switch (message.type) {
    case "append":
      return append(message, side, send);
    case "depth":
      // Always an answer, and in order: the askers are told apart by nothing else.
      return side.depth().then(
        (depth) => send({ type: "depth", depth }),
        (error) => send({ type: "depth", error: sent(error) }),
      );
    case "stop":
      await side.stop(message.deadlineMs);
      send({ type: "stopped" });
      port.close();
  }
}

async function append(
  { batch, items }: Extract<ToAudit, { type: "append" }>,
  side: OpenAudit,
  send: (message: FromAudit) => void,
): Promise<void> {
  const errors = await side.appendAll(items);
  const answer = { type: "appended", batch } as const;
  send(
    errors.size === 0 ? answer : { ...answer, errors: new Map([...errors].map(([at, error]) => [at, sent(error)])) },
  );
}

function sent(error: unknown): SentError {
  const message = error instanceof Error ? error.message : String(error);
  return error instanceof AuditError ? { code: error.code, message } : { message };
}
