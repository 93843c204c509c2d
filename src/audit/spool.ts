import { chmod, mkdir } from "node:fs/promises";
import { type Bookmark, readBookmark, writeBookmark } from "./bookmark.ts";
import { type Head, linked, nextPlace, startEpoch } from "./chain.ts";
import { encodeEvent } from "./encode.ts";
import { readEnvelope } from "./envelope.ts";
import { AuditError, type AuditLog, type Happening } from "./event.ts";
import { FRAME_HEADER_BYTES, MAX_BODY_BYTES } from "./frame.ts";
import { GroupCommit } from "./group-commit.ts";
import { type Identity, readIdentity, writeIdentity } from "./identity.ts";
import { Journal } from "./journal.ts";
import { SegmentReader, type StoredEvent } from "./reader.ts";
import { type Cut, recoverSegments } from "./recovery.ts";
import { coverSegments, trimSegments } from "./retention.ts";
import type { Segment } from "./segment.ts";
import type { StreamMark } from "./sink.ts";
import { type OpenSpoolFile, openDiskFile } from "./spool-file.ts";

export interface SpoolOptions {
  /** Owned by one process at a time; made with the mode 0700. */
  readonly folder: string;
  /** The writer's id, `[A-Za-z0-9_-]{1,64}`: asked for once, when the folder is new. */
  readonly writer: () => string;
  /** A unique id for an event of this time. */
  readonly newId: (time: number) => string;
  readonly now: () => number;
  /** The most bytes of all segments: 1 GiB by default, at least two segments. */
  readonly maxBytes?: number;
  /** The size at which a segment is followed by the next: 8 MiB by default. */
  readonly segmentBytes?: number;
  readonly openFile?: OpenSpoolFile;
}

/** How much the spool holds. */
export interface Depth {
  /** Events that no sink has acknowledged. */
  readonly events: number;
  /** Bytes of all segments, acknowledged or not. */
  readonly bytes: number;
  /** Unix milliseconds of the oldest event that is not acknowledged. */
  readonly oldestTime: number | undefined;
}

interface Waiter {
  readonly happening: Happening;
  readonly time: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const SAVE_BOOKMARK_MS = 1000;

/** Opens the spool in a folder: recovers what is there and begins a new epoch. Throws an {@link AuditError}. */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const { folder, openFile = openDiskFile, maxBytes = 1024 ** 3, segmentBytes = 8 * 1024 ** 2 } = options;
  if (maxBytes < 2 * segmentBytes) throw new RangeError("maxBytes must be at least twice segmentBytes");
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o700);
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
  const journal = new Journal(folder, recovered.segments, next, segmentBytes, openFile);
  const bookmark = await readBookmark(folder);
  return new Spool({ ...options, maxBytes }, opened, journal, recovered.segments, bookmark, recovered.cut);
}

/** The durable local log of audit events, in order, until a sink has acknowledged them for long enough. */
export class Spool implements AuditLog {
  /** What {@link openSpool} had to cut off. */
  readonly cut: Cut | undefined;
  readonly #options: SpoolOptions & { readonly maxBytes: number };
  readonly #journal: Journal;
  readonly #segments: Segment[];
  readonly #reader: SegmentReader;
  readonly #commits = new GroupCommit<Waiter>((group) => this.#commit(group));
  readonly #watchers = new Set<() => void>();
  #identity: Identity;
  #head: Head;
  #bookmark: Bookmark;
  #save: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(
    options: SpoolOptions & { readonly maxBytes: number },
    identity: Identity,
    journal: Journal,
    segments: Segment[],
    bookmark: Bookmark,
    cut: Cut | undefined,
  ) {
    this.#options = options;
    this.#identity = identity;
    this.#journal = journal;
    this.#segments = segments;
    this.#reader = new SegmentReader(segments);
    this.#bookmark = bookmark.position < journal.next ? bookmark : { position: 0, stream: undefined };
    this.#head = startEpoch(identity.writer, identity.epoch, identity.prevHash);
    this.cut = cut;
  }

  get writer(): string {
    return this.#identity.writer;
  }

  append(happening: Happening, time: number): Promise<void> {
    if (this.#closed) return Promise.reject(new AuditError("UNAVAILABLE", "the audit spool is closed"));
    return new Promise((resolve, reject) => this.#commits.add({ happening, time, resolve, reject }));
  }

  /** Up to `limit` durable events after `position`; none when there is none yet. */
  read(position: number, limit: number): Promise<StoredEvent[]> {
    return this.#reader.read(position, limit);
  }

  /** Resolves when there is an event after `position`, or the signal is aborted. */
  async changed(position: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && position >= this.#journal.next - 1) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#watchers.delete(wake);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        this.#watchers.add(wake);
        signal.addEventListener("abort", wake);
      });
    }
  }

  /** How far the sink has everything. */
  get acknowledged(): Bookmark {
    return this.#bookmark;
  }

  /** Every event up to `position` is in the sink; the last of them stands in its stream at the mark. */
  acknowledge(position: number, stream: StreamMark): void {
    this.#bookmark = { position, stream };
    coverSegments(this.#segments, this.#journal.active, position, this.#options.now());
    this.#saveSoon();
  }

  /** Nothing that is retained is in the sink any more. Returns how many events are to be sent again. */
  rewind(): number {
    for (const segment of this.#segments) segment.acknowledgedAt = undefined;
    const position = (this.#segments[0]?.first ?? this.#journal.next) - 1;
    this.#bookmark = { position, stream: undefined };
    this.#saveSoon();
    return this.#journal.next - 1 - position;
  }

  /** Deletes the segments of which every event was acknowledged at least `horizonMs` before `now` (Unix milliseconds). */
  async trim(now: number, horizonMs: number): Promise<void> {
    coverSegments(this.#segments, this.#journal.active, this.#bookmark.position, now);
    // The last record stays until the identity holds its hash: the next epoch links to it.
    const keepFrom = Math.max(this.#identity.next, this.#journal.next - 1);
    await trimSegments(this.#segments, now - horizonMs, keepFrom);
  }

  async depth(): Promise<Depth> {
    const { position } = this.#bookmark;
    const [oldest] = await this.#reader.read(position, 1);
    return {
      events: this.#journal.next - 1 - position,
      bytes: this.#bytes(),
      oldestTime: oldest && Date.parse(readEnvelope(oldest.body).time),
    };
  }

  /** Resolves when every event that was appended before is durable or rejected. */
  flush(): Promise<void> {
    return this.#commits.idle();
  }

  /** Flushes, keeps the bookmark and closes the files. Later appends are UNAVAILABLE. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#commits.idle();
    clearTimeout(this.#save);
    await writeBookmark(this.#options.folder, this.#bookmark);
    await this.#reader.close();
    await this.#journal.close();
  }

  // Linked and encoded only now: when the group fails, the chain is where it was and nothing refers to a lost event.
  async #commit(group: readonly Waiter[]): Promise<void> {
    let accepted: Waiter[] = [];
    try {
      if (this.#journal.unsettled) await this.#reopen();
      const { bodies, head, waiters } = this.#link(group);
      accepted = waiters;
      if (bodies.length > 0) await this.#journal.append(bodies);
      this.#head = head;
    } catch (error) {
      for (const waiter of group) waiter.reject(error);
      return;
    }
    for (const waiter of accepted) waiter.resolve();
    for (const wake of [...this.#watchers]) wake();
  }

  #link(group: readonly Waiter[]): { bodies: Buffer[]; head: Head; waiters: Waiter[] } {
    const bodies: Buffer[] = [];
    const waiters: Waiter[] = [];
    let head = this.#head;
    let room = this.#options.maxBytes - this.#bytes();
    for (const waiter of group) {
      const place = nextPlace(head);
      const body = encodeEvent(this.#options.newId(waiter.time), waiter.time, place, waiter.happening);
      const refusal = refuse(body, room);
      if (refusal !== undefined) {
        waiter.reject(refusal);
        continue;
      }
      room -= FRAME_HEADER_BYTES + body.length;
      head = linked(place, body);
      bodies.push(body);
      waiters.push(waiter);
    }
    return { bodies, head, waiters };
  }

  // A new epoch, as after a crash: what the abandoned end held may have reached the disk after all.
  async #reopen(): Promise<void> {
    await this.#journal.settle();
    const { writer, epoch } = this.#identity;
    const identity = { writer, epoch: epoch + 1, next: this.#journal.next, prevHash: this.#head.prevHash };
    await writeIdentity(this.#options.folder, identity).catch((cause) => {
      throw new AuditError("UNAVAILABLE", "the audit spool can't begin a new epoch", { cause });
    });
    this.#identity = identity;
    this.#head = startEpoch(writer, identity.epoch, identity.prevHash);
  }

  #bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  #saveSoon(): void {
    if (this.#save !== undefined || this.#closed) return;
    this.#save = setTimeout(() => {
      this.#save = undefined;
      // A bookmark that can't be written costs duplicates after a restart, which every consumer can bear.
      writeBookmark(this.#options.folder, this.#bookmark).catch(() => undefined);
    }, SAVE_BOOKMARK_MS).unref();
  }
}

function refuse(body: Buffer, room: number): AuditError | undefined {
  if (body.length > MAX_BODY_BYTES) {
    return new AuditError(
      "UNAVAILABLE",
      `an audit event has ${body.length} bytes; at most ${MAX_BODY_BYTES} are allowed`,
    );
  }
  if (FRAME_HEADER_BYTES + body.length > room) return new AuditError("FULL", "the audit spool has reached its limit");
  return undefined;
}

function requireWriter(writer: string): string {
  if (/^[A-Za-z0-9_-]{1,64}$/.test(writer)) return writer;
  throw new RangeError("a writer id must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -");
}
