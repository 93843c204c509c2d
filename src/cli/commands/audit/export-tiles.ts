import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isCheckpoint, type PublishedCheckpoint } from "../../../audit/stream-message.ts";
import { TileError, type TileFile, Tiles } from "../../../audit/tiles/tiles.ts";
import { parseLine, readEntry } from "../../../audit/verify/entry.ts";
import { syncFolder } from "../../../files/durable.ts";
import { fileErrorOf } from "../../../files/file-error.ts";
import type { TailedEvent } from "../../../nats/audit/read-stream.ts";
import type { TailQuery } from "../../../nats/audit/tail.ts";
import { EXIT, Failure } from "../../failure.ts";
import { checkpointOf } from "../../output/audit-line.ts";
import type { Progress } from "../../output/progress.ts";

/** Entries that wait for one before them. In a stream only those wait that were published again. */
const MAX_WAITING = 100_000;

/**
 * Writes the log of a writer, up to its last checkpoint, as a folder in the format of C2SP tlog-tiles. The folder
 * appears when it is whole and its tree is that of the checkpoint. Resolves with the size of the log.
 */
export async function exportTiles(
  query: Omit<TailQuery, "subjects" | "follow">,
  writer: string,
  folder: string,
  progress: Progress,
): Promise<number> {
  // Imported late: the other commands do not load the NATS client.
  const { tail } = await import("../../../nats/audit/tail.ts");
  const stream = tail({ ...query, subjects: ["signet.audit.>"], follow: false });
  const checkpoint = await lastCheckpoint(tail({ ...query, subjects: [CHECKPOINTS], follow: false }), writer);
  query.signal.throwIfAborted();
  const draft = await mkdtemp(join(dirname(folder), `.${basename(folder)}.`)).catch((cause) => {
    throw fileErrorOf(folder, cause);
  });
  try {
    const tiles = new Tiles();
    for await (const entry of entriesInOrder(stream, writer, checkpoint.size)) {
      for (const file of tiles.add(entry)) await writeTile(draft, file);
      progress.say(`exporting entries: ${tiles.size} of ${checkpoint.size}`);
    }
    query.signal.throwIfAborted();
    requireTree(tiles, checkpoint);
    for (const file of tiles.partial()) await writeTile(draft, file);
    await writeFile(join(draft, "checkpoint"), checkpoint.note, { mode: 0o600 });
    await rename(draft, folder);
    await syncFolder(dirname(folder));
    return tiles.size;
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (error instanceof TileError) throw new Failure({ code: error.code, message: error.message });
    throw fileErrorOf(folder, error);
  }
}

const CHECKPOINTS = "signet.audit.checkpoint.>";

async function lastCheckpoint(messages: AsyncIterable<TailedEvent>, writer: string): Promise<PublishedCheckpoint> {
  let last: PublishedCheckpoint | undefined;
  for await (const message of messages) {
    const checkpoint = checkpointOf(message);
    if (checkpoint?.writer === writer && checkpoint.size > (last?.size ?? 0)) last = checkpoint;
  }
  if (last !== undefined) return last;
  const message = `no checkpoint of the writer ${writer} covers an event: there is no log to export yet`;
  throw new Failure({ code: "PENDING", message }, EXIT.pending);
}

/** The first `size` entries of a writer's log. */
async function* entriesInOrder(
  messages: AsyncIterable<TailedEvent>,
  writer: string,
  size: number,
): AsyncGenerator<Uint8Array> {
  const waiting = new Map<number, Uint8Array>();
  let next = 0;
  for await (const { subject, body } of messages) {
    const index = isCheckpoint(subject) ? undefined : indexIn(writer, body);
    // One that comes again is known; a fork is in the way of no tree that the checkpoint agrees with.
    if (index === undefined || index < next || index >= size || waiting.has(index)) continue;
    waiting.set(index, body);
    if (waiting.size > MAX_WAITING) break;
    for (let entry = waiting.get(next); entry !== undefined; entry = waiting.get(next)) {
      waiting.delete(next);
      next += 1;
      yield entry;
    }
    if (next === size) return;
  }
}

function indexIn(writer: string, body: Uint8Array): number | undefined {
  const stored = parseLine(body);
  const entry = stored && readEntry(body, stored);
  return entry?.writer === writer ? entry.leaf?.index : undefined;
}

function requireTree(tiles: Tiles, { size, root }: PublishedCheckpoint): void {
  if (tiles.size < size)
    throw new Failure(
      {
        code: "INCOMPLETE",
        message: `the checkpoint covers ${size} events, and the one with log index ${tiles.size} is missing: see what \
signet audit verify says`,
      },
      EXIT.negative,
    );
  if (!tiles.root.equals(root))
    throw new Failure(
      {
        code: "CHECKPOINT_MISMATCH",
        message: `the checkpoint of ${size} events was made of others: see what signet audit verify says`,
      },
      EXIT.negative,
    );
}

async function writeTile(folder: string, { path, content }: TileFile): Promise<void> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(file, content, { mode: 0o600 });
}
