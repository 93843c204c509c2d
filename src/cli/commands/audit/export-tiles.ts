import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { endsWithin } from "../../../async/timeout.ts";
import { TileError, type TileFile, Tiles } from "../../../audit/tiles/tiles.ts";
import { entriesOf, LogError, LogSearch, type WrittenLog } from "../../../audit/tiles/written-log.ts";
import { syncFolder } from "../../../files/durable.ts";
import { draftErrorOf } from "../../../files/file-error.ts";
import { Failure, usageError } from "../../failure.ts";
import { absentFrom, type LogItem, readLog } from "../../input/audit-log.ts";
import { readPolicy } from "../../input/log-policy.ts";
import type { NatsOptions } from "../../input/nats-options.ts";
import { untilInterrupted } from "../../interruption.ts";
import type { Io } from "../../io.ts";
import { type Progress, startProgress } from "../../output/progress.ts";
import { CLEAN_UP_MS, exportFailure } from "./export-failure.ts";

export interface TilesOptions extends NatsOptions {
  readonly writer?: readonly string[];
  readonly policy?: string;
}

/** Reads the log from its beginning: once to find the writer's events, and once to write them. */
type Read = () => AsyncIterable<LogItem>;

/** Writes the log of a writer, up to its last checkpoint, as a folder in the format of C2SP tlog-tiles. */
export async function exportLog(
  files: readonly string[],
  options: TilesOptions,
  folder: string,
  io: Io,
): Promise<void> {
  const [writer, ...more] = options.writer ?? [];
  if (writer === undefined) throw usageError("--tiles needs one --writer: each has a log of its own");
  if (more.length > 0)
    throw usageError(
      `--tiles needs one --writer, and was given ${[writer, ...more].join(", ")}; \
--writer takes all words after it, so files go before it, or after --`,
    );
  if (existsSync(folder)) throw usageError("the folder of --tiles exists; it is never overwritten");
  if (files.includes("-")) throw usageError("--tiles reads its files twice: name files, not standard input");
  const search = new LogSearch(writer, await readPolicy(options.policy));
  const progress = startProgress(io, {}, files.length === 0 ? "connecting to NATS" : "reading events");
  let exporting: Promise<number> | undefined;
  try {
    const size = await untilInterrupted(io, (signal) => {
      exporting = exportTiles(search, () => readLog(files, options, io, signal), folder, progress, signal);
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
    throw tilesFailure(error, files, options);
  } finally {
    progress.end();
  }
}

/** The folder appears when it is whole. Resolves with the size of the log. */
async function exportTiles(
  search: LogSearch,
  read: Read,
  folder: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<number> {
  const log = await findLog(search, read, progress);
  signal.throwIfAborted();
  const draft = await mkdtemp(join(dirname(folder), `.${basename(folder)}.`)).catch((cause) => {
    throw draftErrorOf(folder, cause);
  });
  try {
    await writeLog(log, read, draft, progress);
    signal.throwIfAborted();
    await rename(draft, folder);
    await syncFolder(dirname(folder));
    return log.checkpoint.size;
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw draftErrorOf(folder, error);
  }
}

async function findLog(search: LogSearch, read: Read, progress: Progress): Promise<WrittenLog> {
  let count = 0;
  for await (const item of read()) {
    if ("note" in item) search.addCheckpoint(item.note);
    else search.addEvent(item.body);
    progress.say(`looking for the writer's events: ${++count} read`);
  }
  return search.found();
}

async function writeLog(log: WrittenLog, read: Read, folder: string, progress: Progress): Promise<void> {
  const tiles = new Tiles();
  for await (const entry of entriesOf(log, bodiesOf(read()))) {
    for (const file of tiles.add(entry)) await writeTile(folder, file);
    progress.say(`exporting entries: ${tiles.size} of ${log.checkpoint.size}`);
  }
  for (const file of tiles.partial()) await writeTile(folder, file);
  await writeFile(join(folder, "checkpoint"), log.checkpoint.note, { mode: 0o600 });
}

async function* bodiesOf(items: AsyncIterable<LogItem>): AsyncGenerator<Uint8Array> {
  for await (const item of items) if ("body" in item) yield item.body;
}

async function writeTile(folder: string, { path, content }: TileFile): Promise<void> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(file, content, { mode: 0o600 });
}

function tilesFailure(error: unknown, files: readonly string[], options: TilesOptions): Failure {
  if (error instanceof TileError) return new Failure({ code: error.code, message: error.message });
  return error instanceof LogError ? absentFrom(files, error) : exportFailure(error, files, options);
}
