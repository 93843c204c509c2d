import { once } from "node:events";
import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { type Command, Option } from "commander";
import { endsWithin } from "../../../async/timeout.ts";
import { parseLine, readEntry } from "../../../audit/verify/entry.ts";
import { createFileWith } from "../../../files/durable.ts";
import { FileError } from "../../../files/file-error.ts";
import type { TailedEvent } from "../../../nats/audit/read-stream.ts";
import type { TailQuery } from "../../../nats/audit/tail.ts";
import { EXIT, Failure, usageError } from "../../failure.ts";
import { auditFilter } from "../../input/audit-filter.ts";
import { auditStreamOf, unreadStream } from "../../input/audit-stream.ts";
import { moreHelp } from "../../input/more-help.ts";
import { type NatsOptions, natsOptions } from "../../input/nats-options.ts";
import { filePath, since } from "../../input/options.ts";
import { untilInterrupted } from "../../interruption.ts";
import type { Exit, Io } from "../../io.ts";
import { auditJson, checkpointOf } from "../../output/audit-line.ts";
import { type Progress, startProgress } from "../../output/progress.ts";
import { safeJson } from "../../output/safe-text.ts";
import { exportTiles } from "./export-tiles.ts";

interface ExportOptions extends NatsOptions {
  readonly out?: string;
  readonly since?: Date;
  readonly until?: Date;
  readonly writer?: readonly string[];
  readonly subject?: string;
  readonly tiles?: string;
}

/** What was exported. */
interface Exported {
  readonly lines: number;
  /** Messages that are no audit events. */
  readonly foreign: number;
}

/** Takes lines, without their line breaks. */
type WriteLines = (lines: string) => Promise<unknown>;

/** Lines are written together: one at a time would cost more than reading them. */
const BLOCK_CHARACTERS = 64 * 1024;
/** How long an interrupted export may take to remove its unfinished file. */
const CLEAN_UP_MS = 2_000;

export function addAuditExport(audit: Command, io: Io, exit: Exit): void {
  const command = audit
    .command("export")
    .description("copy the stored audit events as JSON, one a line, each byte for byte as it was published");
  const past = (text: string) => since(text, io.now());
  natsOptions(command, io)
    .option("--out <file>", "a new file instead of standard output; an existing file is never overwritten", filePath)
    .option("--since <time>", "only what was stored since: an RFC 3339 time, or a duration such as 15m", past)
    .option("--until <time>", "only what was stored before: an RFC 3339 time, or a duration such as 15m", past)
    .option("--writer <writer...>", "only events of these writers")
    .option("--subject <filter>", "only a NATS subject under signet.audit; such a part can't be verified")
    .addOption(
      new Option(
        "--tiles <folder>",
        "a new folder with the log of one --writer, up to its last checkpoint, as tlog-tiles",
      )
        .conflicts(["out", "since", "until", "subject"])
        .argParser(filePath),
    )
    .addHelpText(
      "after",
      moreHelp({
        examples: [
          "signet audit export --out audit-2026-11-22.ndjson",
          "signet audit export --since 24h | gzip > day.ndjson.gz",
          "signet audit export --writer 0198f2d4-7c1e-7abc-8def-0123456789ab --tiles log",
        ],
        notes: [
          "A line is the body of an event, so that signet audit verify can check the file; subject and headers of " +
            'the message follow from it. A checkpoint is the line {"checkpoint":"<note>"}. Any other message that is ' +
            "not JSON on one line has a line that holds its bytes in base64. The file has mode 0600, and gets its name " +
            "when it is whole and on the disk. How to check a log: docs/audit.md.",
        ],
        exitCodes: {
          0: "done",
          1: "done, and some messages are no audit events; with --tiles, the log is not whole",
          2: "wrong usage, interrupted, or NATS refused or did not answer",
          3: "PENDING: with --tiles, the writer has no checkpoint yet",
        },
      }),
    )
    .action((options: ExportOptions) =>
      options.tiles === undefined ? exportEvents(options, io, exit) : exportLog(options, options.tiles, io),
    );
}

async function exportLog(options: ExportOptions, folder: string, io: Io): Promise<void> {
  const [writer, ...more] = options.writer ?? [];
  if (writer === undefined || more.length > 0)
    throw usageError("--tiles needs one --writer: each has a log of its own");
  if (existsSync(folder)) throw usageError("the folder of --tiles exists; it is never overwritten");
  const access = auditStreamOf(options);
  const progress = startProgress(io, {}, "connecting to NATS");
  let exporting: Promise<number> | undefined;
  try {
    const size = await untilInterrupted(io, (signal) => {
      exporting = exportTiles({ access, signal }, writer, folder, progress);
      return exporting;
    });
    if (size === undefined) throw new Failure({ code: "CANCELLED", message: "interrupted: the export is not whole" });
    progress.end();
    io.stdout.write(`exported a log of ${size === 1 ? "1 entry" : `${size} entries`}\n`);
  } catch (error) {
    if (exporting !== undefined)
      await endsWithin(
        CLEAN_UP_MS,
        exporting.catch(() => {}),
      );
    throw exportFailure(error, options);
  } finally {
    progress.end();
  }
}

async function exportEvents(options: ExportOptions, io: Io, exit: Exit): Promise<void> {
  const { out, writer } = options;
  if (out !== undefined && existsSync(out)) throw usageError("the file of --out exists; it is never overwritten");
  if (options.since !== undefined && options.until !== undefined && options.since >= options.until)
    throw usageError("--since must be before --until: nothing is between them");
  const query = {
    access: auditStreamOf(options),
    subjects: auditFilter(options).subjects,
    matches: writer && ((message: TailedEvent) => writer.includes(writerOf(message))),
    since: options.since,
    until: options.until,
    follow: false,
  };
  const progress = startProgress(io, {}, "connecting to NATS");
  let copying: Promise<Exported> | undefined;
  const copy = (signal: AbortSignal) => {
    const target = { ...query, signal };
    copying = out === undefined ? toStandardOutput(target, io, progress) : toFile(target, out, progress);
    return copying;
  };
  try {
    const exported = await untilInterrupted(io, copy);
    if (exported === undefined)
      throw new Failure({ code: "CANCELLED", message: "interrupted: the export is not whole" });
    progress.end();
    tell(exported, out, io);
    if (exported.foreign > 0) exit(EXIT.negative);
  } catch (error) {
    if (copying !== undefined)
      await endsWithin(
        CLEAN_UP_MS,
        copying.catch(() => {}),
      );
    throw exportFailure(error, options);
  } finally {
    progress.end();
  }
}

function toStandardOutput(query: TailQuery, io: Io, progress: Progress): Promise<Exported> {
  return withEvents(query, (events) =>
    copyLines(events, progress, async (lines) => {
      // The bytes are for a file or a program; on a terminal they must not be commands to it.
      const shown = io.stdout.isTTY ? safeJson(lines) : lines;
      if (io.stdout.isTTY) progress.end();
      if (!io.stdout.write(`${shown}\n`)) await once(io.stdout, "drain", { signal: query.signal });
    }),
  );
}

function toFile(query: TailQuery, path: string, progress: Progress): Promise<Exported> {
  return withEvents(query, async (events) => {
    let exported: Exported = { lines: 0, foreign: 0 };
    await createFileWith(path, async (draft) => {
      const file = await open(draft, "w", 0o600);
      try {
        exported = await copyLines(events, progress, (lines) => file.writeFile(`${lines}\n`));
        await file.sync();
      } finally {
        await file.close();
      }
    });
    return exported;
  });
}

/** Events that are being read. */
interface Events {
  readonly first: IteratorResult<TailedEvent, unknown>;
  readonly rest: AsyncIterator<TailedEvent, unknown>;
  readonly signal: AbortSignal;
}

/** Waits for the first event before it copies any: a command that is interrupted while it connects leaves no file. */
async function withEvents(query: TailQuery, copy: (events: Events) => Promise<Exported>): Promise<Exported> {
  // Imported late: the other commands do not load the NATS client.
  const { tail } = await import("../../../nats/audit/tail.ts");
  const rest = tail(query);
  try {
    return await copy({ first: await rest.next(), rest, signal: query.signal });
  } finally {
    await rest.return(undefined);
  }
}

async function copyLines({ first, rest, signal }: Events, progress: Progress, write: WriteLines): Promise<Exported> {
  let lines: string[] = [];
  let characters = 0;
  let count = 0;
  let foreign = 0;
  for (let read = first; !read.done; read = await rest.next()) {
    const line = auditJson(read.value);
    lines.push(line);
    characters += line.length;
    if (checkpointOf(read.value) === undefined && !isEvent(read.value.body)) foreign += 1;
    progress.say(`exporting events: ${++count} read`);
    if (characters < BLOCK_CHARACTERS) continue;
    await write(lines.join("\n"));
    lines = [];
    characters = 0;
  }
  if (lines.length > 0) await write(lines.join("\n"));
  // An interrupted stream of events just ends.
  signal.throwIfAborted();
  return { lines: count, foreign };
}

function writerOf(message: TailedEvent): string {
  return checkpointOf(message)?.writer ?? String(parseLine(message.body)?.writer);
}

function isEvent(body: Uint8Array): boolean {
  const stored = parseLine(body);
  return stored !== undefined && readEntry(body, stored) !== undefined;
}

function tell({ lines, foreign }: Exported, out: string | undefined, io: Io): void {
  if (out !== undefined) io.stdout.write(`exported ${lines === 1 ? "1 event" : `${lines} events`}\n`);
  if (foreign > 0) io.stderr.write(`${foreign} messages are no audit events\n`);
}

/** There is no such folder, or it is no folder: the command line names another one. */
const MISNAMED = ["EEXIST", "ENOENT", "ENOTDIR", "EISDIR", "EACCES"];

function exportFailure(error: unknown, options: ExportOptions): Failure {
  if (!(error instanceof FileError)) return unreadStream(error, options);
  if (MISNAMED.includes(error.code)) return usageError(error.message);
  return new Failure({ code: "FILE", message: error.message }, EXIT.failed, { cause: error });
}
