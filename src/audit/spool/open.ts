import { chmod, mkdir } from "node:fs/promises";
import { placeOf } from "../../files/place.ts";
import { readBookmark } from "./bookmark.ts";
import { type Identity, isWriter, readIdentity, writeIdentity } from "./identity.ts";
import { Journal } from "./journal.ts";
import { recoverSegments } from "./recovery.ts";
import { openDiskFile } from "./segment-file.ts";
import { Spool, type SpoolOptions } from "./spool.ts";

/** Opens the spool in a folder: recovers its segments and begins a new epoch. Rejects with an {@link AuditError}. */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const { folder, openFile = openDiskFile, maxBytes = 1024 ** 3, segmentBytes = 8 * 1024 ** 2 } = options;
  if (maxBytes < 2 * segmentBytes) throw new RangeError("maxBytes must be at least twice segmentBytes");
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o700);
  const place = placeOf(folder);
  const identity = await readIdentity(folder);
  const recovered = await recoverSegments(folder, identity, openFile);
  const next = Math.max(identity?.next ?? 1, (recovered.segments.at(-1)?.last ?? 0) + 1);
  const opened: Identity = {
    writer: identity?.writer ?? requireWriter(options.writer()),
    epoch: (identity?.epoch ?? 0) + 1,
    next,
    prevHash: recovered.prevHash,
  };
  await writeIdentity(folder, opened);
  const journal = new Journal(place, recovered.segments, next, segmentBytes, openFile);
  const bookmark = await readBookmark(folder);
  const spool = new Spool(
    { ...options, maxBytes },
    place,
    opened,
    journal,
    recovered.segments,
    bookmark,
    recovered.cut,
  );
  await spool.hold();
  return spool;
}

function requireWriter(writer: string): string {
  if (isWriter(writer)) return writer;
  throw new RangeError("a writer id must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -");
}
