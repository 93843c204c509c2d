import type { Command } from "commander";
import { VerifyError } from "../../../audit/verify/verifier.ts";
import { counted } from "../../../counted.ts";
import { FileError } from "../../../files/file-error.ts";
import type { Archived, ArchiveOptions } from "../../archive/archive-log.ts";
import { ArchiveError, ArchiveFolder } from "../../archive/folder.ts";
import { EXIT, Failure, usageError } from "../../failure.ts";
import { auditStreamOf, unreadStream } from "../../input/audit-stream.ts";
import { readKnownEnds } from "../../input/known-ends.ts";
import { readPolicy } from "../../input/log-policy.ts";
import { moreHelp } from "../../input/more-help.ts";
import { type NatsOptions, natsOptions } from "../../input/nats-options.ts";
import { duration, filePath, folderPath, wholeBytes } from "../../input/options.ts";
import { untilInterrupted } from "../../interruption.ts";
import type { Exit, Io } from "../../io.ts";
import { verdictJson, verdictSheet } from "../../output/audit-verdict.ts";
import { startProgress } from "../../output/progress.ts";
import { printable, safeJson } from "../../output/safe-text.ts";

interface Options extends NatsOptions {
  readonly dir: string;
  readonly olderThan?: number;
  readonly keepBytes?: number;
  readonly policy?: string;
  readonly expect?: string;
  readonly accept?: readonly string[];
  readonly acceptForeign?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export function addAuditArchive(audit: Command, io: Io, exit: Exit): void {
  const command = audit.command("archive").description("move audit events that are proven from the stream to files");
  natsOptions(command, io)
    .requiredOption("--dir <folder>", "the folder of the archive; it must exist, and be the same each time", folderPath)
    .option("--older-than <duration>", "what is in the stream for at least so long, such as 30d", duration)
    .option("--keep-bytes <bytes>", "the oldest events, until the stream has so many bytes", wholeBytes)
    .option("--policy <file>", "the logs to trust and their keys, a C2SP tlog-policy: signet audit keys", filePath)
    .option(
      "--expect <file>",
      "events of versions without checkpoints: up to the ends that verify --state kept",
      filePath,
    )
    .option("--accept <writer...>", "move the events of these writers unjudged: after an incident that is cleared up")
    .option("--accept-foreign", "move also what is neither an event nor a checkpoint of the policy's logs")
    .option("--dry-run", "read and verify all, and change nothing")
    .option("--json", "print what was done as JSON, one object a line")
    .addHelpText(
      "after",
      moreHelp({
        examples: [
          "signet audit archive --dir /var/lib/audit --policy audit.policy --older-than 30d",
          "signet audit archive --dir /var/lib/audit --policy audit.policy --keep-bytes 50000000000",
        ],
        notes: [
          "Without --older-than and --keep-bytes it moves all that it may; with both, what one of them says. What is " +
            "in the stream for less than five minutes stays. An event is moved when a checkpoint that was verified covers " +
            "it, and it leaves the stream when it is in a file that was written to the disk, read back and verified. With " +
            "a fault in the part that is old enough, or in what is read behind it for its checkpoints, nothing is moved; " +
            "what comes later is not read. A run that was killed loses nothing; run it again. Two archivers each get a " +
            "part, so use one. How to keep the log: docs/archive.md.",
        ],
        exitCodes: {
          0: "done, or there is nothing to move",
          1: "faults were found, or no checkpoint covers the first event: nothing was moved",
          2: "wrong usage, interrupted, the folder can't be used, or NATS refused or did not answer",
        },
      }),
    )
    .action((options: Options) => archive(options, io, exit));
}

async function archive(options: Options, io: Io, exit: Exit): Promise<void> {
  const access = auditStreamOf(options);
  const policy = await readPolicy(options.policy);
  const knownEnds = options.expect === undefined ? undefined : await readKnownEnds(options.expect);
  if (policy === undefined && knownEnds === undefined)
    throw usageError("nothing can be proven: give --policy, and --expect for events of versions without checkpoints");
  const unseen = new Set(options.accept);
  const progress = startProgress(io, options, "connecting to NATS");
  try {
    const ended = await untilInterrupted(io, async (signal) => {
      const wanted: ArchiveOptions = {
        now: io.now(),
        olderThanMs: options.olderThan,
        keepBytes: options.keepBytes,
        policy,
        knownEnds: knownEnds ?? new Map(),
        accepted: new Set(options.accept),
        onAccepted: (writer) => unseen.delete(writer),
        foreign: options.acceptForeign === true,
        dryRun: options.dryRun === true,
        onProgress: (stream, read) => progress.say(`archiving ${stream}: ${counted(read, "message")} read`),
        signal,
      };
      // Imported late: the other commands do not load the NATS client.
      const { openArchiveSource } = await import("../../../nats/audit/archive-source.ts");
      const { archiveLog } = await import("../../archive/archive-log.ts");
      const source = await openArchiveSource(access, signal);
      try {
        for await (const done of archiveLog(source, new ArchiveFolder(options.dir), wanted)) {
          io.stdout.write(options.json ? `${safeJson(JSON.stringify(jsonOf(done)))}\n` : textOf(done));
          if (done.type === "faults" || done.type === "uncovered") exit(EXIT.negative);
        }
        return true;
      } finally {
        await source.close();
      }
    });
    if (ended === undefined)
      throw new Failure({ code: "CANCELLED", message: "interrupted: what was not moved is still in the stream" });
    progress.end();
    for (const writer of unseen) io.stderr.write(`--accept ${printable(writer)}: no event of this writer was read\n`);
  } catch (error) {
    throw archiveFailure(error, options);
  } finally {
    progress.end();
  }
}

function textOf(done: Archived): string {
  switch (done.type) {
    case "archived": {
      const { stream, from, to, lines, bytes, file, trimmed } = done;
      const where = file === undefined ? "would be archived" : trimmed ? `moved to ${file}` : `copied to ${file}`;
      return `${stream} ${from} to ${to}: ${counted(lines, "line")} of ${bytes} bytes ${where}\n`;
    }
    case "trimmed":
      return `${done.stream}: removed up to ${done.to}, which an earlier run had archived\n`;
    case "untrimmed":
      return `${done.stream}: would remove up to ${done.to}, which an earlier run has archived in ${done.file}\n`;
    case "untrimmable":
      return `${done.stream} has deny_purge and can't be trimmed: docs/archive.md\n`;
    case "uncovered":
      return `${done.stream} ${done.seq}: no checkpoint of the policy covers this event yet, so nothing was moved\n`;
    case "nothing":
      return `${done.stream}: nothing to move\n`;
    case "faults":
      return `${verdictSheet(done.verdict, locateIn(done))}${printable(done.stream)}: nothing was moved\n`;
  }
}

function jsonOf(done: Archived): object {
  if (done.type !== "faults") return done;
  return { type: done.type, stream: done.stream, ...verdictJson(done.verdict, locateIn(done)) };
}

function locateIn({ stream, file }: Extract<Archived, { type: "faults" }>) {
  return (at: number) =>
    file === undefined
      ? { text: `${stream} sequence ${at}`, members: { stream, streamSeq: at } }
      : { text: `${file} line ${at}`, members: { file, line: at } };
}

function archiveFailure(error: unknown, options: Options): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof FileError) return new Failure({ code: "FILE", message: error.message });
  if (error instanceof ArchiveError || error instanceof VerifyError)
    return new Failure({ code: error.code, message: error.message });
  return unreadStream(error, options);
}
