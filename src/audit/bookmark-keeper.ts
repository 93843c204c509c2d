import { type Bookmark, writeBookmark } from "./bookmark.ts";

const SAVE_MS = 1000;

/** The bookmark, kept on disk about a second late: what is lost of it costs duplicates only. */
export class BookmarkKeeper {
  readonly #folder: string;
  #current: Bookmark;
  #save: NodeJS.Timeout | undefined;

  constructor(folder: string, current: Bookmark) {
    this.#folder = folder;
    this.#current = current;
  }

  get current(): Bookmark {
    return this.#current;
  }

  move(bookmark: Bookmark): void {
    this.#current = bookmark;
    this.#save ??= setTimeout(() => {
      this.#save = undefined;
      // The next move tries again.
      writeBookmark(this.#folder, this.#current).catch(() => undefined);
    }, SAVE_MS).unref();
  }

  /** Writes the bookmark now, for the last time. */
  async close(): Promise<void> {
    clearTimeout(this.#save);
    await writeBookmark(this.#folder, this.#current);
  }
}
