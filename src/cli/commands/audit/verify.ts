import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { type Command, Option } from "commander";
import { isCheckpoint } from "../../../audit/stream-message.ts";
import { linesOf } from "../../../audit/verify/batch.ts";
import { parseLine, readEntry } from "../../../audit/verify/entry.ts";
import { headerMismatch } from "../../../audit/verify/header-mismatch.ts";
import { endsOf, knownEndsText } from "../../../audit/verify/known-ends.ts";
import { StreamPlaces } from "../../../audit/verify/stream-places.ts";
import { type KnownEnds, type Verdict, Verifier, VerifyError } from "../../../audit/verify/verifier.ts";
import { replaceFile } from "../../../files/durable.ts";
import { FileError } from "../../../files/file-error.ts";
import type { TailedEvent } from "../../../nats/audit/read-stream.ts";
import { EXIT, Failure, usageError } from "../../failure.ts";
import { chunksOf, nameOf } from "../../input/audit-files.ts";
import { unreadLog } from "../../input/audit-log.ts";
import { auditStreamOf } from "../../input/audit-stream.ts";
import { readKnownEnds } from "../../input/known-ends.ts";
import { readPolicy } from "../../input/log-policy.ts";
import { moreHelp } from "../../input/more-help.ts";
import { givenNatsOptions, type NatsOptions, natsOptions } from "../../input/nats-options.ts";
import { filePath } from "../../input/options.ts";
import { untilInterrupted } from "../../interruption.ts";
import type { Exit, Io } from "../../io.ts";
import { type Locate, verdictJson, verdictSheet } from "../../output/audit-verdict.ts";
import { type Progress, startProgress } from "../../output/progress.ts";
import { printableJson } from "../../output/safe-text.ts";

interface VerifyOptions extends NatsOptions {
  readonly state?: string;
  readonly expect?: string;
  readonly partial?: boolean;
  readonly policy?: string;
  readonly json?: boolean;
}

export function addAuditVerify(audit: Command, io: Io, exit: Exit): void {
  const command = audit
    .command("verify [file...]")
    .description(
      "check that the audit log is whole and unaltered: the stream, or exported files (- for standard input)",
    );
  natsOptions(command, io)
    .option(
      "--state <file>",
      "compare with what the last run saw, and keep what this one proves; created if missing",
      filePath,
    )
    .addOption(
      new Option("--expect <file>", "compare with what another run kept with --state; never changed")
        .conflicts("state")
        .argParser(filePath),
    )
    .option("--policy <file>", "the logs to trust and their keys, a C2SP tlog-policy: signet audit keys", filePath)
    .option("--partial", "let chains begin in the middle, and whole writers be missing: for a part of a log")
    .option("--json", "print what was found as JSON")
    .addHelpText(
      "after",
      moreHelp({
        examples: [
          "signet audit verify --policy audit.policy --state audit-state.json",
          "signet audit verify --expect audit-state.json audit-2026-11-22.ndjson",
          "zcat day.ndjson.gz | signet audit verify --partial -",
        ],
        notes: [
          "Each fault has its place: writer, epoch, seq, event id, and the sequence in the stream or the line. An " +
            "event that comes again is no fault. Without --policy the signatures of checkpoints are not checked. Behind " +
            "the last checkpoint, only --state or --expect shows that the end of a log was cut off. What is proven " +
            "and what can't be: docs/audit.md.",
          "--partial is for a log that was trimmed, or exported with --since or --writer. It lets pass that events are " +
            "missing before the first one of a writer, and that all events are missing of a writer that another one " +
            "names before or after it (WRITER_LINK), or of which there are only checkpoints.",
        ],
        exitCodes: {
          0: "proven",
          1: "faults were found",
          2: "wrong usage, interrupted, or the log can't be read",
        },
      }),
    )
    .action((files: string[], options: VerifyOptions) => {
      const unused = files.length === 0 ? [] : givenNatsOptions(command);
      if (unused.length > 0) throw usageError(`with files, NATS is not asked: leave out ${unused.join(", ")}`);
      return verifyLog(files, options, io, exit);
    });
}

async function verifyLog(files: readonly string[], options: VerifyOptions, io: Io, exit: Exit): Promise<void> {
  const known = await knownEnds(options);
  const policy = await readPolicy(options.policy);
  const verifier = new Verifier({ known: known ?? new Map(), partial: options.partial === true, policy });
  const progress = startProgress(io, options, files.length === 0 ? "connecting to NATS" : "reading events");
  try {
    const locate = await untilInterrupted(io, (signal) =>
      files.length === 0 ? addStream(verifier, options, signal, progress) : addFiles(verifier, files, io, progress),
    );
    if (locate === undefined) throw new Failure({ code: "CANCELLED", message: "interrupted: nothing is proven" });
    const verdict = verifier.judge();
    progress.end();
    if (options.json) io.stdout.write(`${printableJson(verdictJson(verdict, locate))}\n`);
    else io.stdout.write(verdictSheet(verdict, locate));
    await keep(verdict, options);
    if (!verdict.proven) exit(EXIT.negative);
  } catch (error) {
    throw verifyFailure(error, options, files);
  } finally {
    progress.end();
  }
}

/** Undefined without an earlier run. */
async function knownEnds({ state, expect }: VerifyOptions): Promise<KnownEnds | undefined> {
  const path = state ?? expect;
  if (path === undefined) return undefined;
  // Found now, and not when the whole log was read.
  if (state !== undefined)
    await access(dirname(state), constants.W_OK).catch((error: NodeJS.ErrnoException) => {
      throw usageError(`--state can't be kept in ${dirname(state)}: ${error.code ?? "unknown error"}`);
    });
  return readKnownEnds(path).catch((error) => {
    if (state !== undefined && error.cause?.code === "ENOENT") return undefined;
    throw error;
  });
}

/** What has faults is not kept: the earlier state is what shows them. */
async function keep(verdict: Verdict, { state }: VerifyOptions): Promise<void> {
  if (state !== undefined && verdict.proven)
    await replaceFile(dirname(state), basename(state), knownEndsText(endsOf(verdict)));
}

async function addStream(
  verifier: Verifier,
  options: VerifyOptions,
  signal: AbortSignal,
  progress: Progress,
): Promise<Locate> {
  // Imported late: files need no NATS client.
  const { tail } = await import("../../../nats/audit/tail.ts");
  const onStart = (from: number) => {
    if (from > 1) verifier.noteTrimmed();
  };
  const query = { access: auditStreamOf(options), subjects: ["signet.audit.>"], follow: false, onStart, signal };
  const places = new StreamPlaces();
  let read = 0;
  for await (const message of tail(query)) {
    const at = places.put(message);
    if (isCheckpoint(message.subject)) verifier.add(Buffer.from(message.body).toString(), at);
    else addEvent(verifier, message, at);
    progress.say(`verifying events: ${++read} read`);
  }
  return (at) => {
    const { stream, seq } = places.of(at);
    return { text: `${stream} sequence ${seq}`, members: { stream, streamSeq: seq } };
  };
}

function addEvent(verifier: Verifier, message: TailedEvent, at: number): void {
  const stored = parseLine(message.body);
  const entry = stored && readEntry(message.body, stored);
  verifier.add(entry, at);
  const mismatch = entry && headerMismatch(message, stored);
  if (entry !== undefined && mismatch !== undefined) verifier.mismatch(entry, at, mismatch);
}

async function addFiles(verifier: Verifier, files: readonly string[], io: Io, progress: Progress): Promise<Locate> {
  const { readBatches } = await import("../../../verify-thread/start.ts");
  /** How many lines were read before each file. */
  const starts: number[] = [];
  let lines = 0;
  for await (const { source, batch } of readBatches(chunksOf(files, io))) {
    for (let file = starts.length; file <= source; file++) starts.push(lines);
    for (const line of linesOf(batch)) verifier.add(line, ++lines);
    progress.say(`verifying events: ${lines} read`);
  }
  return (at) => {
    const file = starts.findLastIndex((start) => start < at);
    const name = files[file] ?? "";
    const line = at - (starts[file] ?? 0);
    return { text: `${nameOf(name)} line ${line}`, members: { file: name, line } };
  };
}

function verifyFailure(error: unknown, options: VerifyOptions, files: readonly string[]): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof FileError) return usageError(error.message);
  if (error instanceof VerifyError) return new Failure({ code: error.code, message: error.message });
  return unreadLog(error, files, options);
}
