import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ServiceError } from "@grpc/grpc-js";
import { createLog, type Log } from "../../../src/app/log.ts";
import { filesIn, keySecrets } from "../tokens/secrets.ts";
import { isRecording, recordSecret, recordShown, recordToken } from "./record.ts";
import { secretParts } from "./secret-parts.ts";

/** The log of a service in the process of a test, which is recorded besides; undefined where nothing is. */
export function recordedLog(own: Log | undefined): Log | undefined {
  if (!isRecording) return own;
  const record = createLog("debug", { write: (line) => recordShown("logs", line) }, () => undefined);
  return (level, event) => {
    record(level, event);
    own?.(level, event);
  };
}

/** Records the metrics of a service, unless it has ended. */
export async function recordMetrics(url: string): Promise<void> {
  if (!isRecording) return;
  const response = await fetch(`${url}/metrics`).catch(() => undefined);
  if (response?.ok) recordShown("metrics", await response.text());
}

/** Records the events in the spool of a service that has ended, and its keys, unless the test has damaged them. */
export async function recordData(data: string, kekFile = join(data, "kek")): Promise<void> {
  if (!isRecording) return;
  for (const file of filesIn(join(data, "spool"))) {
    const events = readIfThere(file);
    if (events !== undefined) recordShown("events", events);
  }
  const secrets = await keySecrets(data, kekFile).catch(() => ({}));
  for (const value of Object.values<string | Buffer>(secrets)) recordSecret("key", value);
}

/** Another service that still runs on the same data replaces and deletes files. */
function readIfThere(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return undefined;
  }
}

/** Records the tokens in an answer, and in a request the secret that it imports. */
export function recordMessage(message: unknown): void {
  if (!isRecording || message === null || typeof message !== "object") return;
  for (const [name, value] of Object.entries(message))
    if (typeof value !== "string") recordMessage(value);
    else if (name === "token") recordToken(value);
    else if (name === "secret") for (const part of secretParts(value)) recordSecret("key", part);
}

/** Records all that the error of a call says. */
export function recordError({ details, metadata }: ServiceError): void {
  if (!isRecording) return;
  recordShown("errors", details);
  for (const value of Object.values(metadata.getMap())) recordShown("errors", value);
}
