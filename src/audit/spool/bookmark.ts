import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createQueue } from "../../async/queue.ts";
import type { Place } from "../../files/place.ts";
import type { StreamMark } from "../forward/sink.ts";
import { type LogEnd, parseLogEnd } from "./identity.ts";

/** The last acknowledged position of a spool, and that event's place in the stream. */
export interface Bookmark {
  readonly position: number;
  readonly stream: StreamMark | undefined;
}

const FILE_NAME = "acknowledged.json";

/** What a spool's folder says about a log that may not have been closed. */
export interface Progress {
  readonly bookmark: Bookmark;
  /** How far the log reached at least; undefined when this is not known. */
  readonly end: LogEnd | undefined;
}

/** The stored progress. Position 0 when no bookmark can be read, which costs duplicates and loses nothing. */
export async function readProgress(folder: string): Promise<Progress> {
  const { position, stream, end } = await readMembers(folder);
  const known = Number.isSafeInteger(position) && isMark(stream);
  return {
    bookmark: known ? { position: Number(position), stream } : { position: 0, stream: undefined },
    end: parseLogEnd(end),
  };
}

async function readMembers(folder: string): Promise<Record<string, unknown>> {
  try {
    return { ...JSON.parse(await readFile(join(folder, FILE_NAME), "utf8")) };
  } catch {
    return {};
  }
}

/** Not synced: an old bookmark costs only duplicates, and an old end is still a lower bound. */
async function writeProgress(folder: string, bookmark: Bookmark, end: LogEnd): Promise<void> {
  const temporary = join(folder, `${FILE_NAME}.new`);
  const reached = { next: end.next, prevHash: Buffer.from(end.prevHash).toString("base64") };
  await writeFile(temporary, `${JSON.stringify({ ...bookmark, end: reached })}\n`, { mode: 0o600 });
  await rename(temporary, join(folder, FILE_NAME));
}

function isMark(value: unknown): value is StreamMark {
  if (typeof value !== "object" || value === null) return false;
  const { created, seq, eventId }: Partial<StreamMark> = value;
  return typeof created === "string" && Number.isSafeInteger(seq) && typeof eventId === "string";
}

const SAVE_MS = 1000;

/** The bookmark and the end of the log in memory, written to disk about once a second. */
export class BookmarkKeeper {
  readonly #folder: Place;
  readonly #writes = createQueue();
  #current: Bookmark;
  #end: LogEnd;
  #timer: NodeJS.Timeout | undefined;

  constructor(folder: Place, current: Bookmark, end: LogEnd) {
    this.#folder = folder;
    this.#current = current;
    this.#end = end;
  }

  get current(): Bookmark {
    return this.#current;
  }

  move(bookmark: Bookmark): void {
    this.#current = bookmark;
    this.#saveSoon();
  }

  /** The log is durable up to `end`. */
  reached(end: LogEnd): void {
    this.#end = end;
    this.#saveSoon();
  }

  /** Writes both now, for the last time. */
  close(): Promise<void> {
    clearTimeout(this.#timer);
    return this.#save();
  }

  #saveSoon(): void {
    // Unref'ed: `close` writes anyway.
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      // The next move retries.
      this.#save().catch(() => undefined);
    }, SAVE_MS).unref();
  }

  // One at a time: two at once would share the file that is written before it is renamed.
  #save(): Promise<void> {
    return this.#writes.run(async () => {
      this.#folder.look();
      await writeProgress(this.#folder.path, this.#current, this.#end);
    });
  }
}
