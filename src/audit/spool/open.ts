import { FileError, fileErrorOf } from "../../files/file-error.ts";
import { placeOf } from "../../files/place.ts";
import { openPrivateFolder } from "../../files/private-path.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { AuditError } from "../event.ts";
import { type Beginning, beginningOf } from "../writer/beginning.ts";
import { readLastCheckpoint, removeCheckpoint } from "../writer/checkpoint-file.ts";
import type { WriterLog } from "../writer/log.ts";
import { beginLog, nameSuccessor } from "../writer/succession.ts";
import { WriterTip } from "../writer/tip.ts";
import { readProgress } from "./bookmark.ts";
import { type Identity, IdentityKeeper, type LogEnd, readIdentity } from "./identity.ts";
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
  openPrivateFolder(folder, /\.(?:segment|json)$|^checkpoint$/);
  const place = placeOf(folder);
  const identity = await readIdentity(folder);
  const progress = await readProgress(folder);
  const reached = furthest(identity ?? START, progress.end);
  const checkpoint = ofLog(await readLastCheckpoint(folder), identity?.log);
  const readable = checkpoint === "damaged" ? undefined : checkpoint;
  const recovered = await recoverSegments({
    ...{ folder, identity, reached, checkpoint: readable, open: openFile, acceptLosses },
  });
  const { first, lost, end } = recovered;
  const keeper = new IdentityKeeper(place, { ...(identity ?? NOBODY), ...end, first, lost, installation });
  const tip = new WriterTip(keeper, end);
  const beginning = beginningOf({ ...recovered, identity, checkpoint }, options.logKey !== undefined);
  const isEnded = options.closing === true && beginning?.isForGood === true;
  if (beginning !== undefined && !isEnded) await begin(beginning, tip, options, identity);
  else {
    await tip.takeEpoch();
    tip.enterEpoch();
  }
  // It says nothing of the log that has begun, which would end again with the next start.
  if (checkpoint === "damaged") await removeCheckpoint(folder);
  const journal = new Journal(place, recovered.segments, end.next, segmentBytes, openFile);
  const spool = new Spool({ ...options, maxBytes, isEnded }, place, keeper, tip, journal, recovered, progress.bookmark);
  await spool.hold();
  return spool;
}

async function begin(
  { reason, writer, isClosed }: Beginning,
  tip: WriterTip,
  options: SpoolOptions,
  before: Identity | undefined,
): Promise<void> {
  if (isClosed) await options.onClosed?.(tip.checkpointable());
  tip.closed(await nameSuccessor(options, reason, before, writer));
  await beginLog(tip, options);
}

// A version without logs has left no checkpoint, and an earlier writer's says nothing of this one's log.
function ofLog(checkpoint: Checkpoint | "damaged" | undefined, log: WriterLog | undefined) {
  if (log === undefined || checkpoint === "damaged") return log && checkpoint;
  return checkpoint?.origin === log.origin ? checkpoint : undefined;
}

/** Before the first writer of a folder. */
const NOBODY = { writer: "", epoch: 0, log: undefined };

const START: LogEnd = { next: 1, prevHash: new Uint8Array() };

function furthest({ next, prevHash }: LogEnd, other: LogEnd | undefined): LogEnd {
  return other !== undefined && other.next > next ? other : { next, prevHash };
}
