import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createQueue } from "../../async/queue.ts";
import type { StreamMark } from "../forward/sink.ts";

/** How far a spool has been acknowledged, and where the last of that stands in the stream. */
export interface Bookmark {
  readonly position: number;
  readonly stream: StreamMark | undefined;
}

const NAME = "acknowledged.json";

/** The bookmark, or the very beginning where there is none that can be read: that costs duplicates and loses nothing. */
export async function readBookmark(folder: string): Promise<Bookmark> {
  try {
    const { position, stream }: Record<string, unknown> = JSON.parse(await readFile(join(folder, NAME), "utf8"));
    if (Number.isSafeInteger(position) && isMark(stream)) return { position: Number(position), stream };
  } catch {}
  return { position: 0, stream: undefined };
}

/** Not synced, for the same reason. */
async function writeBookmark(folder: string, bookmark: Bookmark): Promise<void> {
  const temporary = join(folder, `${NAME}.new`);
  await writeFile(temporary, `${JSON.stringify(bookmark)}\n`, { mode: 0o600 });
  await rename(temporary, join(folder, NAME));
}

function isMark(value: unknown): value is StreamMark {
  if (typeof value !== "object" || value === null) return false;
  const { created, seq, eventId }: Partial<StreamMark> = value;
  return typeof created === "string" && Number.isSafeInteger(seq) && typeof eventId === "string";
}

const SAVE_MS = 1000;

/** The bookmark, kept on disk about a second late: what is lost of it costs duplicates only. */
export class BookmarkKeeper {
  readonly #folder: string;
  readonly #writes = createQueue();
  #current: Bookmark;
  #timer: NodeJS.Timeout | undefined;

  constructor(folder: string, current: Bookmark) {
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
      // The next move tries again.
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
    return this.#writes.run(() => writeBookmark(this.#folder, this.#current));
  }
}
