import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createQueue } from "../../async/queue.ts";
import type { Place } from "../../files/place.ts";
import type { StreamMark } from "../forward/sink.ts";

/** The last acknowledged position of a spool, and that event's place in the stream. */
export interface Bookmark {
  readonly position: number;
  readonly stream: StreamMark | undefined;
}

const FILE_NAME = "acknowledged.json";

/** The stored bookmark, or position 0 when none can be read, which costs duplicates and loses nothing. */
export async function readBookmark(folder: string): Promise<Bookmark> {
  try {
    const { position, stream }: Record<string, unknown> = JSON.parse(await readFile(join(folder, FILE_NAME), "utf8"));
    if (Number.isSafeInteger(position) && isMark(stream)) return { position: Number(position), stream };
  } catch {}
  return { position: 0, stream: undefined };
}

/** Not synced: an old bookmark costs only duplicates. */
async function writeBookmark(folder: string, bookmark: Bookmark): Promise<void> {
  const temporary = join(folder, `${FILE_NAME}.new`);
  await writeFile(temporary, `${JSON.stringify(bookmark)}\n`, { mode: 0o600 });
  await rename(temporary, join(folder, FILE_NAME));
}

function isMark(value: unknown): value is StreamMark {
  if (typeof value !== "object" || value === null) return false;
  const { created, seq, eventId }: Partial<StreamMark> = value;
  return typeof created === "string" && Number.isSafeInteger(seq) && typeof eventId === "string";
}

const SAVE_MS = 1000;

/** The bookmark in memory, written to disk about once a second. */
export class BookmarkKeeper {
  readonly #folder: Place;
  readonly #writes = createQueue();
  #current: Bookmark;
  #timer: NodeJS.Timeout | undefined;

  constructor(folder: Place, current: Bookmark) {
    this.#folder = folder;
    this.#current = current;
  }

  get current(): Bookmark {
    return this.#current;
  }

  move(bookmark: Bookmark): void {
    this.#current = bookmark;
    // Unref'ed: `close` writes the bookmark anyway.
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      // The next move retries.
      this.#save().catch(() => undefined);
    }, SAVE_MS).unref();
  }

  /** Writes the bookmark now, for the last time. */
  close(): Promise<void> {
    clearTimeout(this.#timer);
    return this.#save();
  }

  // One at a time: two at once would share the file that is written before it is renamed.
  #save(): Promise<void> {
    return this.#writes.run(async () => {
      this.#folder.look();
      await writeBookmark(this.#folder.path, this.#current);
    });
  }
}
