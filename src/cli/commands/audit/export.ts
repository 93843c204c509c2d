import { once } from "node:events";
import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { type Command, Option } from "commander";
import { endsWithin } from "../../../async/timeout.ts";
import { parseLine, readEntry } from "../../../audit/verify/entry.ts";
import { counted } from "../../../counted.ts";
import { createFileWith } from "../../../files/durable.ts";
import type { TailedEvent } from "../../../nats/audit/read-stream.ts";
import type { TailQuery } from "../../../nats/audit/tail.ts";
import { EXIT, Failure, usageError } from "../../failure.ts";
import { auditFilter } from "../../input/audit-filter.ts";
import { auditStreamOf } from "../../input/audit-stream.ts";
import { moreHelp } from "../../input/more-help.ts";
import { givenNatsOptions, natsOptions } from "../../input/nats-options.ts";
import { filePath, folderPath, since } from "../../input/options.ts";
import { untilInterrupted } from "../../interruption.ts";
import type { Exit, Io } from "../../io.ts";
import { auditJson, checkpointOf } from "../../output/audit-line.ts";
import { type Progress, startProgress } from "../../output/progress.ts";
import { printable, safeJson } from "../../output/safe-text.ts";
import { CLEAN_UP_MS, exportFailure } from "./export-failure.ts";
import { exportLog, type TilesOptions } from "./export-tiles.ts";

interface ExportOptions extends TilesOptions {
  readonly out?: string;
  readonly since?: Date;
  readonly until?: Date;
  readonly subject?: string;
  readonly tiles?: string;
}

/** What was exported. */
interface Exported {
  readonly events: number;
  readonly checkpoints: number;
  /** Messages that are neither. */
  readonly foreign: number;
}

/** Takes lines, without their line breaks. */
type WriteLines = (lines: string) => Promise<unknown>;

/** Lines are written together: one at a time would cost more than reading them. */
const BLOCK_CHARACTERS = 64 * 1024;

export function addAuditExport(audit: Command, io: Io, exit: Exit): void {
  const command = audit
    .command("export [file...]")
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
        .argParser(folderPath),
    )
    .option("--policy <file>", "with --tiles, take only checkpoints that it trusts, a C2SP tlog-policy", filePath)
    .addHelpText(
      "after",
      moreHelp({
        examples: [
          "signet audit export --out audit-2026-11-22.ndjson",
          "signet audit export --since 24h | gzip > day.ndjson.gz",
          "signet audit export --writer 0198f2d4-7c1e-7abc-8def-0123456789ab --tiles log",
          "signet audit export --writer 0198f2d4-7c1e-7abc-8def-0123456789ab --tiles log archive/*.ndjson rest.ndjson",
        ],
        notes: [
          "A line is the body of an event, so that signet audit verify can check the file; subject and headers of " +
            'the message follow from it. A checkpoint is the line {"checkpoint":"<note>"}. Any other message that is ' +
            "not JSON on one line has a line that holds its bytes in base64. The file has mode 0600, and gets its name " +
            "when it is whole and on the disk. How to check a log: docs/audit.md.",
          "--tiles reads the stream, or exported files, from the writer's first event on. Without --policy no signature " +
            "is checked.",
        ],
        exitCodes: {
          0: "done",
          1: "done, and some messages are no audit events; with --tiles, the log is not there or not whole",
          2: "wrong usage, interrupted, or NATS refused or did not answer",
          3: "PENDING: with --tiles of the stream, the writer has no checkpoint yet",
        },
      }),
    )
    .action((files: string[], options: ExportOptions) => {
      const { tiles, policy } = options;
      if (tiles === undefined && (files.length > 0 || policy !== undefined))
        throw usageError("files and --policy are for --tiles: without it the stream is copied as it is");
      const unused = files.length === 0 ? [] : givenNatsOptions(command);
      if (unused.length > 0) throw usageError(`with files, NATS is not asked: leave out ${unused.join(", ")}`);
      return tiles === undefined ? exportEvents(options, io, exit) : exportLog(files, options, tiles, io);
    });
}

async function exportEvents(options: ExportOptions, io: Io, exit: Exit): Promise<void> {
  const { out, writer } = options;
  if (out !== undefined && existsSync(out)) throw usageError("the file of --out exists; it is never overwritten");
  if (options.since !== undefined && options.until !== undefined && options.since >= options.until)
    throw usageError("--since must be before --until: nothing is between them");
  const unseen = new Set(writer);
  const query = {
    access: auditStreamOf(options),
    subjects: auditFilter(options).subjects,
    matches: writer && ((message: TailedEvent) => isOfOne(writer, message, unseen)),
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
    for (const name of unseen) io.stderr.write(`no event of the writer ${printable(name)} was found\n`);
    if (exported.foreign > 0) exit(EXIT.negative);
  } catch (error) {
    if (copying !== undefined)
      await endsWithin(
        CLEAN_UP_MS,
        copying.catch(() => {}),
      );
    throw exportFailure(error, [], options);
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
    let exported: Exported = { events: 0, checkpoints: 0, foreign: 0 };
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
  const found = { events: 0, checkpoints: 0, foreign: 0 };
  let count = 0;
  for (let read = first; !read.done; read = await rest.next()) {
    const line = auditJson(read.value);
    lines.push(line);
    characters += line.length;
    found[kindOf(read.value)] += 1;
    progress.say(`exporting events: ${++count} read`);
    if (characters < BLOCK_CHARACTERS) continue;
    await write(lines.join("\n"));
    lines = [];
    characters = 0;
  }
  if (lines.length > 0) await write(lines.join("\n"));
  // An interrupted stream of events just ends.
  signal.throwIfAborted();
  return found;
}

/** Whether the message is of one of the writers, which then is not unseen any more. */
function isOfOne(writers: readonly string[], message: TailedEvent, unseen: Set<string>): boolean {
  const writer = writerOf(message);
  unseen.delete(writer);
  return writers.includes(writer);
}

function writerOf(message: TailedEvent): string {
  return checkpointOf(message)?.writer ?? String(parseLine(message.body)?.writer);
}

function kindOf(message: TailedEvent): keyof Exported {
  if (checkpointOf(message) !== undefined) return "checkpoints";
  const stored = parseLine(message.body);
  return stored !== undefined && readEntry(message.body, stored) !== undefined ? "events" : "foreign";
}

function tell({ events, checkpoints, foreign }: Exported, out: string | undefined, io: Io): void {
  const more = checkpoints === 0 ? "" : ` and ${counted(checkpoints, "checkpoint")}`;
  if (out !== undefined) io.stdout.write(`exported ${counted(events, "event")}${more}\n`);
  const are = foreign === 1 ? "is no audit event" : "are no audit events";
  if (foreign > 0) io.stderr.write(`${counted(foreign, "message")} ${are}\n`);
}
