import { isCheckpoint, noteOfLine } from "../../audit/stream-message.ts";
import { parseLine } from "../../audit/verify/entry.ts";
import { EXIT, Failure } from "../failure.ts";
import type { Io } from "../io.ts";
import { linesIn } from "./audit-files.ts";
import { auditStreamOf, unreadStream } from "./audit-stream.ts";
import type { NatsOptions } from "./nats-options.ts";

/** What a log holds: checkpoints, and what is an event, or should be. */
export type LogItem = { readonly note: string } | { readonly body: Uint8Array };

/** As `checkpointLine` begins. */
const CHECKPOINT = Buffer.from('{"checkpoint":');

/**
 * Reads a log from exported files; without any from the stream. A body is valid until the next one is read. Where it is
 * interrupted it just ends.
 */
export function readLog(
  files: readonly string[],
  options: NatsOptions,
  io: Io,
  signal: AbortSignal,
): AsyncGenerator<LogItem> {
  return files.length === 0 ? ofStream(options, signal) : ofFiles(files, io, signal);
}

/** The failure of a command that could not read the log: from files, or without any from the stream. */
export function unreadLog(error: unknown, files: readonly string[], options: NatsOptions): Failure {
  if (files.length === 0 || error instanceof Failure) return unreadStream(error, options);
  const message = error instanceof Error ? error.message : String(error);
  return new Failure({ code: "UNREADABLE", message: `cannot read the log: ${message}` }, EXIT.failed, { cause: error });
}

/** The failure where the log that was read does not have what is asked for: into files no checkpoint comes later. */
export function absentFrom(
  files: readonly string[],
  { code, message }: { readonly code: string; readonly message: string },
): Failure {
  const isStream = files.length === 0;
  if (code === "PENDING" && isStream)
    return new Failure({ code, message: `${message} yet: one comes within a minute` }, EXIT.pending);
  if (code === "PENDING") return negative("NO_CHECKPOINT", `${message} in these files: name more, or export them anew`);
  if (code === "NOT_FOUND" && isStream)
    return negative(code, `${message}; if the stream was trimmed, name the files of its archive`);
  return negative(code, message);
}

function negative(code: string, message: string): Failure {
  return new Failure({ code, message }, EXIT.negative);
}

async function* ofStream(options: NatsOptions, signal: AbortSignal): AsyncGenerator<LogItem> {
  // Imported late: files need no NATS client.
  const { tail } = await import("../../nats/audit/tail.ts");
  const query = { access: auditStreamOf(options), subjects: ["signet.audit.>"], follow: false, signal };
  for await (const { subject, body } of tail(query))
    yield isCheckpoint(subject) ? { note: Buffer.from(body).toString() } : { body };
}

async function* ofFiles(files: readonly string[], io: Io, signal: AbortSignal): AsyncGenerator<LogItem> {
  for await (const line of linesIn(files, io)) {
    if (signal.aborted) return;
    const note = line.subarray(0, CHECKPOINT.length).equals(CHECKPOINT) ? noteOfLine(parseLine(line) ?? {}) : undefined;
    yield note === undefined ? { body: line } : { note };
  }
}
