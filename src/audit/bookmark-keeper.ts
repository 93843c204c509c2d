import { type Bookmark, writeBookmark } from "./bookmark.ts";

const SAVE_MS = 1000;

/** The bookmark, kept on disk about a second late: what is lost of it costs duplicates only. */
export class BookmarkKeeper {
  readonly #folder: string;
  #current: Bookmark;
  #timer: NodeJS.Timeout | undefined;
  #saved = Promise.resolve();

  constructor(folder: string, current: Bookmark) {
    this.#folder = folder;
    this.#current = current;
  }

  get current(): Bookmark {
    return this.#current;
  }

  move(bookmark: Bookmark): void {
    this.#current = bookmark;
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

  // One after the other: two at once would share the file that is written before it is renamed.
  #save(): Promise<void> {
    const save = this.#saved.then(() => writeBookmark(this.#folder, this.#current));
    this.#saved = save.catch(() => undefined);
    return save;
  }
}
