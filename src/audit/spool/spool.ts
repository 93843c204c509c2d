import { createWakeup } from "../../async/wakeup.ts";
import { type Head, startEpoch } from "../chain.ts";
import { AuditError, type AuditEvent, type AuditLog, type TimedEvent } from "../event.ts";
import type { StreamMark } from "../forward/sink.ts";
import { type Bookmark, BookmarkKeeper } from "./bookmark.ts";
import { GroupCommit } from "./group-commit.ts";
import { type Identity, writeIdentity } from "./identity.ts";
import type { Journal } from "./journal.ts";
import { linkGroup, type Waiter } from "./link-group.ts";
import { SegmentReader, type StoredEvent } from "./reader.ts";
import { RecentEvents } from "./recent.ts";
import type { Cut } from "./recovery.ts";
import { coverSegments, type Segment, trimSegments } from "./segment.ts";
import type { OpenSpoolFile } from "./segment-file.ts";

export interface SpoolOptions {
  /** Owned by one process at a time; made with the mode 0700. */
  readonly folder: string;
  /** The writer's id, `[A-Za-z0-9_-]{1,64}`: asked for once, when the folder is new. */
  readonly writer: () => string;
  /** A unique id for an event of this time. */
  readonly newId: (time: number) => string;
  /**
   * Milliseconds of a clock that nobody sets: a wall clock that is put forward would make what was just acknowledged old
   * enough to be trimmed. The values never leave the process.
   */
  readonly monotonic: () => number;
  /**
   * The bytes of all segments at which events of tokens are refused: 1 GiB by default, at least two segments. Other events
   * may go {@link RESERVE_BYTES} beyond it.
   */
  readonly maxBytes?: number;
  /** The size at which a segment is followed by the next: 8 MiB by default. */
  readonly segmentBytes?: number;
  /** The bytes of the latest bodies that are held in memory for who forwards them: 4 MiB by default. */
  readonly recentBytes?: number;
  readonly openFile?: OpenSpoolFile;
}

/**
 * What a process may write, beyond the limit or beyond what it found, of events that are not of tokens: a service that
 * could not tell of its start would never forward, and so never trim, what fills the spool.
 */
export const RESERVE_BYTES = 1024 ** 2;

/** How much the spool holds. */
export interface Depth {
  /** Events that no sink has acknowledged. */
  readonly events: number;
  /** Bytes of all segments, acknowledged or not. */
  readonly bytes: number;
  /** Unix milliseconds of the oldest event that is not acknowledged; undefined also when that can't be read. */
  readonly oldestTime: number | undefined;
}

/** The durable local log of audit events, in order, until a sink has acknowledged them for long enough. */
export class Spool implements AuditLog {
  /** What had to be cut off when the folder was opened. */
  readonly cut: Cut | undefined;
  readonly #options: SpoolOptions & { readonly maxBytes: number };
  readonly #journal: Journal;
  readonly #segments: Segment[];
  readonly #reader: SegmentReader;
  readonly #recent: RecentEvents;
  readonly #commits = new GroupCommit<Waiter>((group) => this.#commit(group));
  readonly #durable = createWakeup();
  readonly #mostBytes: number;
  readonly #bookmark: BookmarkKeeper;
  #identity: Identity;
  #head: Head;
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
    this.#recent = new RecentEvents(options.recentBytes ?? 4 * 1024 ** 2);
    this.#bookmark = new BookmarkKeeper(options.folder, this.#within(bookmark));
    this.#head = startEpoch(identity.writer, identity.epoch, identity.prevHash);
    this.#mostBytes = Math.max(options.maxBytes, this.#bytes()) + RESERVE_BYTES;
    this.cut = cut;
  }

  get writer(): string {
    return this.#identity.writer;
  }

  async append(event: AuditEvent, time: number): Promise<void> {
    for (const error of (await this.appendAll([[event, time]])).values()) throw error;
  }

  /**
   * Appends several, with one promise for all: resolves when each is durable or refused, with the errors of those that are
   * not durable, by their index.
   */
  appendAll(items: readonly TimedEvent[]): Promise<ReadonlyMap<number, unknown>> {
    const errors = new Map<number, unknown>();
    return new Promise((resolve) => {
      let open = items.length;
      if (open === 0) resolve(errors);
      for (const [at, [event, time]] of items.entries()) {
        const settle = (error?: unknown): void => {
          if (error !== undefined) errors.set(at, error);
          if (--open === 0) resolve(errors);
        };
        if (this.#closed) settle(new AuditError("UNAVAILABLE", "the audit spool is closed"));
        else this.#commits.add({ event, time, settle });
      }
    });
  }

  /** Up to `limit` durable events after `position`; none when there is none yet. */
  async read(position: number, limit: number): Promise<StoredEvent[]> {
    const recent = this.#recent.read(position, limit);
    return recent.length > 0 ? recent : await this.#reader.read(position, limit);
  }

  /** Resolves when there is an event after `position`, when the signal aborts, or after about `ms`. */
  async changed(position: number, signal: AbortSignal, ms?: number): Promise<void> {
    for (let more = true; more && position >= this.#journal.next - 1; ) more = await this.#durable.wait(signal, ms);
  }

  /** How far the sink has everything. */
  get acknowledged(): Bookmark {
    return this.#bookmark.current;
  }

  /** Every event up to `position` is in the sink; the last of them stands in its stream at the mark. */
  acknowledge(position: number, stream: StreamMark): void {
    this.#bookmark.move({ position, stream });
    this.#recent.forget(position);
    coverSegments(this.#segments, this.#journal.active, position, this.#options.monotonic());
  }

  /** Nothing that is retained is in the sink any more. Returns how many events are to be sent again. */
  rewind(): number {
    for (const segment of this.#segments) segment.acknowledgedAt = undefined;
    const position = this.#trimmed();
    this.#bookmark.move({ position, stream: undefined });
    return this.#journal.next - 1 - position;
  }

  /** Deletes the segments of which every event was acknowledged at least `horizonMs` ago. */
  async trim(horizonMs: number): Promise<void> {
    const now = this.#options.monotonic();
    coverSegments(this.#segments, this.#journal.active, this.#bookmark.current.position, now);
    // The last record stays until the identity holds its hash: the next epoch links to it.
    const keepFrom = Math.max(this.#identity.next, this.#journal.next - 1);
    await this.#reader.exclusively(() => trimSegments(this.#segments, now - horizonMs, keepFrom));
  }

  async depth(): Promise<Depth> {
    const { position } = this.#bookmark.current;
    const oldestTime = await this.#timeAfter(position).catch(() => undefined);
    return { events: this.#journal.next - 1 - position, bytes: this.#bytes(), oldestTime };
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
    // A bookmark that can't be kept costs duplicates only.
    await this.#bookmark.close().catch(() => undefined);
    try {
      await this.#reader.close();
    } finally {
      await this.#journal.close();
    }
  }

  // Linked and encoded only now: when the group fails, the chain is where it was and nothing refers to a lost event.
  async #commit(group: readonly Waiter[]): Promise<void> {
    try {
      if (this.#journal.unsettled) await this.#reopen();
      const bytes = this.#bytes();
      const room = { token: this.#options.maxBytes - bytes, other: this.#mostBytes - bytes };
      const { events, linked, refused, head } = linkGroup(
        group,
        this.#head,
        this.#journal.next,
        room,
        this.#options.newId,
      );
      if (events.length > 0) await this.#journal.append(events.map(({ body }) => body));
      this.#head = head;
      this.#recent.add(events);
      for (const { settle } of linked) settle();
      for (const { waiter, error } of refused) waiter.settle(error);
      this.#durable.wake();
    } catch (error) {
      for (const { settle } of group) settle(error);
    }
  }

  // A new epoch, as after a crash: what the abandoned end held may have reached the disk after all. The epoch first: once
  // the end is settled, events could go on in the old one.
  async #reopen(): Promise<void> {
    const { writer, epoch } = this.#identity;
    const identity = { writer, epoch: epoch + 1, next: this.#journal.next, prevHash: this.#head.prevHash };
    await writeIdentity(this.#options.folder, identity).catch((cause) => {
      throw new AuditError("UNAVAILABLE", "the audit spool can't begin a new epoch", { cause });
    });
    await this.#journal.settle();
    this.#identity = identity;
    this.#head = startEpoch(writer, identity.epoch, identity.prevHash);
  }

  // What can't be true, after the folder was tampered with or a bookmark was lost, costs duplicates only.
  #within(bookmark: Bookmark): Bookmark {
    if (bookmark.position >= this.#journal.next) return { position: this.#trimmed(), stream: undefined };
    return { ...bookmark, position: Math.max(bookmark.position, this.#trimmed()) };
  }

  async #timeAfter(position: number): Promise<number | undefined> {
    const [oldest] = await this.read(position, 1);
    return oldest && Date.parse(oldest.header.time);
  }

  /** The last record that is not retained. */
  #trimmed(): number {
    return (this.#segments[0]?.first ?? this.#journal.next) - 1;
  }

  #bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }
}
