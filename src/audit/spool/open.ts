import { FileError, fileErrorOf } from "../../files/file-error.ts";
import { placeOf } from "../../files/place.ts";
import { openPrivateFolder } from "../../files/private-path.ts";
import { AuditError } from "../event.ts";
import { readProgress } from "./bookmark.ts";
import { IdentityKeeper, isWriter, type LogEnd, readIdentity } from "./identity.ts";
import { Journal } from "./journal.ts";
import type { SpoolOptions } from "./options.ts";
import { recoverSegments } from "./recovery.ts";
import { openDiskFile } from "./segment-file.ts";
import { Spool } from "./spool.ts";

/** Opens the spool in a folder: recovers its segments and begins a new epoch. Rejects with an {@link AuditError}. */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  try {
    return await open(options);
  } catch (cause) {
    const error = fileErrorOf(options.folder, cause);
    if (error instanceof FileError) throw new AuditError("UNAVAILABLE", error.message, { cause });
    throw error;
  }
}

async function open(options: SpoolOptions): Promise<Spool> {
  const { folder, openFile = openDiskFile, maxBytes = 1024 ** 3, segmentBytes = 8 * 1024 ** 2 } = options;
  const { installation, acceptLosses = [] } = options;
  if (maxBytes < 2 * segmentBytes) throw new RangeError("maxBytes must be at least twice segmentBytes");
  openPrivateFolder(folder, /\.(?:segment|json)$/);
  const place = placeOf(folder);
  const identity = await readIdentity(folder);
  const { bookmark, end } = await readProgress(folder);
  const reached = furthest(identity ?? START, end);
  const recovered = await recoverSegments({ folder, identity, reached, open: openFile, acceptLosses });
  const opened = new IdentityKeeper(place, {
    writer: identity?.writer ?? requireWriter(options.writer()),
    epoch: identity?.epoch ?? 0,
    ...recovered.end,
    first: recovered.first,
    lost: recovered.lost,
    installation,
  });
  await opened.change({ epoch: opened.current.epoch + 1 });
  const journal = new Journal(place, recovered.segments, recovered.end.next, segmentBytes, openFile);
  const spool = new Spool({ ...options, maxBytes }, place, opened, journal, recovered, bookmark);
  await spool.hold();
  return spool;
}

const START: LogEnd = { next: 1, prevHash: new Uint8Array() };

function furthest({ next, prevHash }: LogEnd, other: LogEnd | undefined): LogEnd {
  return other !== undefined && other.next > next ? other : { next, prevHash };
}

function requireWriter(writer: string): string {
  if (isWriter(writer)) return writer;
  throw new RangeError("a writer id must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -");
}
