import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { StreamMark } from "./sink.ts";

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
export async function writeBookmark(folder: string, bookmark: Bookmark): Promise<void> {
  const temporary = join(folder, `${NAME}.new`);
  await writeFile(temporary, `${JSON.stringify(bookmark)}\n`, { mode: 0o600 });
  await rename(temporary, join(folder, NAME));
}

function isMark(value: unknown): value is StreamMark {
  if (typeof value !== "object" || value === null) return false;
  const { created, seq, eventId }: Partial<StreamMark> = value;
  return typeof created === "string" && Number.isSafeInteger(seq) && typeof eventId === "string";
}
