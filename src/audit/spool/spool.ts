import { createWakeup } from "../../async/wakeup.ts";
import { requireFreeSpace } from "../../files/free-space.ts";
import type { Place } from "../../files/place.ts";
import { type Head, startEpoch } from "../chain.ts";
import { AuditError, type AuditEvent, type AuditLog, type TimedEvent } from "../event.ts";
import type { StreamMark } from "../forward/sink.ts";
import type { Bookmark } from "./bookmark.ts";
import { GroupCommit } from "./group-commit.ts";
import type { IdentityKeeper, LogEnd } from "./identity.ts";
import type { Journal } from "./journal.ts";
import { isToken, linkGroup, type Waiter } from "./link-group.ts";
import { RESERVE_BYTES, type SpoolOptions } from "./options.ts";
import { SegmentReader, type StoredEvent } from "./reader.ts";
import { RecentEvents } from "./recent.ts";
import type { Cut, Recovered } from "./recovery.ts";
import { type Depth, Retention } from "./retention.ts";
import type { Segment } from "./segment.ts";

/** The durable local log of audit events, in order. It retains an event until the sink has had it for long enough. */
export class Spool implements AuditLog {
  /** The torn end that was cut off when the folder was opened. */
  readonly cut: Cut | undefined;
  /** The loss that was found when the folder was opened, and that the operator accepted. */
  readonly acceptedLoss: string | undefined;
  readonly #options: SpoolOptions & { readonly maxBytes: number };
  readonly #folder: Place;
  readonly #journal: Journal;
  readonly #segments: Segment[];
  readonly #reader: SegmentReader;
  readonly #recent: RecentEvents;
  readonly #commits = new GroupCommit<Waiter>((group) => this.#commit(group));
  readonly #durable = createWakeup();
  readonly #hardLimit: number;
  readonly #retention: Retention;
  readonly #identity: IdentityKeeper;
  #head: Head;
  /** Behind the last durable event. Set together with the head. */
  #end: LogEnd;
  #full: boolean;
  #closed = false;

  constructor(
    options: SpoolOptions & { readonly maxBytes: number },
    folder: Place,
    identity: IdentityKeeper,
    journal: Journal,
    { segments, end, accepted, cut }: Recovered,
    bookmark: Bookmark,
  ) {
    this.#options = options;
    this.#folder = folder;
    this.#identity = identity;
    this.#journal = journal;
    this.#segments = segments;
    this.#reader = new SegmentReader(segments);
    this.#recent = new RecentEvents(options.recentBytes ?? 4 * 1024 ** 2);
    this.#head = startEpoch(identity.current.writer, identity.current.epoch, end.prevHash);
    this.#end = end;
    const { monotonic, forwarded = false, maxBytes } = options;
    const shared = { folder, identity, journal, segments, reader: this.#reader };
    this.#retention = new Retention({ ...shared, end: () => this.#end, monotonic, forwarded }, bookmark);
    const { bytes } = this.#retention;
    this.#hardLimit = Math.max(maxBytes, bytes) + RESERVE_BYTES;
    this.#full = bytes >= maxBytes;
    this.cut = cut;
    this.acceptedLoss = accepted;
  }

  /** Whether events of tokens are refused until segments have been trimmed. */
  get full(): boolean {
    return this.#full;
  }

  get writer(): string {
    return this.#identity.current.writer;
  }

  /** Durably records the installation that the spool belongs to. Rejects with UNAVAILABLE. */
  joinInstallation(installation: string): Promise<void> {
    return this.#identity.change({ installation });
  }

  async append(event: AuditEvent, time: number): Promise<void> {
    for (const error of (await this.appendAll([[event, time]])).values()) throw error;
  }

  /**
   * Appends several events. Resolves when each is durable or refused, with the errors of the refused ones by their
   * index in `items`.
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

  /** Up to `limit` durable events after `position`; empty when there is none yet. */
  async read(position: number, limit: number): Promise<StoredEvent[]> {
    const recent = this.#recent.read(position, limit);
    return recent.length > 0 ? recent : await this.#reader.read(position, limit);
  }

  /** Resolves when there is an event after `position`, when the signal aborts, or after about `ms`. */
  async changed(position: number, signal: AbortSignal, ms?: number): Promise<void> {
    for (let more = true; more && position >= this.#lastStored(); ) more = await this.#durable.wait(signal, ms);
  }

  /** The position up to which the sink has every event. */
  get acknowledged(): Bookmark {
    return this.#retention.acknowledged;
  }

  /** Records that every event up to `position` is in the sink, the last of them at `stream`. */
  acknowledge(position: number, stream: StreamMark): void {
    this.#retention.acknowledge(position, stream);
    this.#recent.forget(position);
  }

  /** Records that the sink has lost the retained events. Returns the number of events to send again. */
  rewind(): number {
    return this.#retention.rewind();
  }

  /** Deletes the segments whose events were all acknowledged at least `horizonMs` ago. */
  async trim(horizonMs: number): Promise<void> {
    const before = this.#retention.bytes;
    await this.#retention.trim(horizonMs);
    const { bytes } = this.#retention;
    if (bytes < before) this.#full = bytes >= this.#options.maxBytes;
  }

  /** Keeps what is not acknowledged open for the forwarder, if there is one. */
  hold(): Promise<void> {
    return this.#retention.hold();
  }

  /**
   * Rejects with an {@link AuditError} when an append would fail, because of the storage or of its free space, or when
   * the next process would not find what this one has written. With `probe` it also puts back what it can, and then
   * writes and syncs as an append does. It takes its turn among the groups, so a disk that hangs holds it back.
   */
  examine(probe: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#commits.between(() => this.#examine(probe).then(resolve, reject));
    });
  }

  async depth(): Promise<Depth> {
    const { position } = this.acknowledged;
    const [oldest]: readonly StoredEvent[] = await this.read(position, 1).catch(() => []);
    const oldestTime = oldest && Date.parse(oldest.header.time);
    return { events: this.#journal.next - 1 - position, bytes: this.#retention.bytes, oldestTime };
  }

  /** Resolves when every event appended so far is durable or rejected. */
  flush(): Promise<void> {
    return this.#commits.idle();
  }

  /**
   * Flushes, saves the bookmark and where the log ends, and closes the files. Later appends are rejected with
   * UNAVAILABLE.
   */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#commits.idle();
    await this.#retention.close();
    try {
      await this.#reader.close();
    } finally {
      await this.#journal.close();
    }
  }

  // Events are linked only now: when the group fails, the chain has not moved and no event links to a lost one.
  async #commit(group: readonly Waiter[]): Promise<void> {
    try {
      if (this.#journal.unsettled) await this.#reopen();
      const { bytes } = this.#retention;
      const room = { token: this.#full ? 0 : this.#options.maxBytes - bytes, other: this.#hardLimit - bytes };
      const { events, accepted, refused, head } = linkGroup(
        group,
        this.#head,
        this.#journal.next,
        room,
        this.#options.newId,
      );
      if (events.length > 0) await this.#journal.append(events.map(({ body }) => body));
      this.#head = head;
      this.#end = { next: this.#journal.next, prevHash: head.prevHash };
      if (events.length > 0) this.#retention.reached();
      this.#recent.add(events);
      // Until there is room again: otherwise small events would get through where larger ones do not.
      this.#full ||= refused.some(({ waiter, error }) => error.code === "FULL" && isToken(waiter.event));
      for (const { settle } of accepted) settle();
      for (const { waiter, error } of refused) waiter.settle(error);
      // Never for refused events alone: each would restart the wait of the reader that makes room.
      if (events.length > 0) this.#durable.wake();
    } catch (error) {
      for (const { settle } of group) settle(error);
    }
  }

  async #examine(probe: boolean): Promise<void> {
    if (this.#closed) throw new AuditError("UNAVAILABLE", "the audit spool is closed");
    this.#retention.look();
    await requireFreeSpace(this.#folder.path).catch(unavailable);
    const isIntact = await this.#identity.isIntact();
    if (!isIntact && !probe)
      throw new AuditError("UNAVAILABLE", `${this.#folder.path}: its identity.json is not as it was written`);
    if (!probe) return;
    // Nothing else has it: without it the spool could not be opened again.
    if (!isIntact) await this.#identity.change({});
    if (this.#journal.unsettled) await this.#reopen();
    await this.#journal.probe();
  }

  // Begins a new epoch, as after a crash: the abandoned events may have reached the disk after all, and their places in
  // the old epoch must not be used twice. The epoch is stored first: once the end is settled, events could continue the
  // old one.
  async #reopen(): Promise<void> {
    const { writer, epoch } = this.#head;
    await this.#identity.change({ epoch: epoch + 1, ...this.#end });
    await this.#journal.settle();
    this.#head = startEpoch(writer, epoch + 1, this.#end.prevHash);
  }

  /** The number of the last record that is stored; 0 when every one was trimmed. */
  #lastStored(): number {
    return this.#segments.findLast(({ bytes }) => bytes > 0)?.last ?? 0;
  }
}

function unavailable({ message, cause }: Error): never {
  throw new AuditError("UNAVAILABLE", message, { cause });
}
