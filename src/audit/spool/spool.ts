import { PositionWaits } from "../../async/position-waits.ts";
import { createWakeup } from "../../async/wakeup.ts";
import { requireFreeSpace } from "../../files/free-space.ts";
import type { Place } from "../../files/place.ts";
import type { Head } from "../chain.ts";
import { AuditError, type AuditEvent, type AuditLog, type TimedEvent } from "../event.ts";
import type { StreamMark } from "../forward/sink.ts";
import { closedEvent, openedEvent, type WriterLog } from "../writer/log.ts";
import { beginLog, nameSuccessor } from "../writer/succession.ts";
import type { Checkpointable, WriterTip } from "../writer/tip.ts";
import type { Bookmark } from "./bookmark.ts";
import { GroupCommit } from "./group-commit.ts";
import type { IdentityKeeper } from "./identity.ts";
import type { Journal } from "./journal.ts";
import { isOfCalls, type LinkedGroup, linkGroup, type Waiter } from "./link-group.ts";
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
  readonly #followed = new PositionWaits();
  readonly #hardLimit: number;
  readonly #retention: Retention;
  readonly #identity: IdentityKeeper;
  readonly #tip: WriterTip;
  #full: boolean;
  #closed = false;
  /** Whether the log was closed for good. */
  #ended: boolean;

  constructor(
    options: SpoolOptions & { readonly maxBytes: number; readonly isEnded: boolean },
    folder: Place,
    identity: IdentityKeeper,
    tip: WriterTip,
    journal: Journal,
    { segments, accepted, cut }: Recovered,
    bookmark: Bookmark,
  ) {
    this.#options = options;
    this.#folder = folder;
    this.#identity = identity;
    this.#journal = journal;
    this.#segments = segments;
    this.#reader = new SegmentReader(segments);
    this.#recent = new RecentEvents(options.recentBytes ?? 4 * 1024 ** 2);
    this.#tip = tip;
    const { monotonic, forwarded = false, maxBytes } = options;
    const shared = { folder, identity, journal, segments, reader: this.#reader };
    this.#retention = new Retention({ ...shared, end: () => tip.end, monotonic, forwarded }, bookmark);
    const { bytes } = this.#retention;
    this.#hardLimit = Math.max(maxBytes, bytes) + RESERVE_BYTES;
    this.#full = bytes >= maxBytes;
    this.#ended = options.isEnded;
    this.cut = cut;
    this.acceptedLoss = accepted;
  }

  /** The number of the last event that is durable; 0 before the first one. */
  get last(): number {
    return this.#journal.next - 1;
  }

  /** Whether events of tokens are refused until segments have been trimmed. */
  get full(): boolean {
    return this.#full;
  }

  /** The author of the next event. It changes where a new log has to begin. */
  get writer(): string {
    return this.#identity.current.writer;
  }

  /** How auditors know the writer's log, and why it began. Undefined: it has no key. */
  get log(): WriterLog | undefined {
    return this.#identity.current.log;
  }

  /** Whether the log was closed for good, so that nothing can be appended. */
  get isEnded(): boolean {
    return this.#ended;
  }

  /** The writer's log, of which every event is durable. */
  checkpointable(): Checkpointable {
    return this.#tip.checkpointable();
  }

  /**
   * Begins a new writer with a new key, behind what is written. With KEY_ROTATED the old one's log is closed first, and
   * its last event names the new one; one that is behind its own checkpoint has its end elsewhere. Resolves when the new
   * log's first event is durable. Rejects with UNAVAILABLE: then the next append ends what was begun, if anything was.
   */
  beginWriter(reason: "KEY_ROTATED" | "BEHIND_CHECKPOINT", time: number): Promise<void> {
    return this.#between(() => this.#beginWriter(reason, time));
  }

  /**
   * Closes the writer's log for good: its last event is durable and its end signed when this resolves. Every later append
   * is rejected with UNAVAILABLE; the next process that opens the spool begins a new writer. Rejects with UNAVAILABLE, and
   * may be called again.
   */
  closeLog(time: number): Promise<Checkpointable> {
    return this.#between(() => this.#closeLog(time));
  }

  /** Durably records the installation that the spool belongs to. Rejects with UNAVAILABLE. */
  joinInstallation(installation: string): Promise<void> {
    return this.#identity.change(() => ({ installation }));
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
        if (this.#closed) settle(closed());
        else this.#commits.add({ event, time, settle });
      }
    });
  }

  /**
   * Appends the events that `make` returns for the place where the log is when nothing else can be stored: between them
   * and all earlier ones there is no other event. Rejects as `append` does.
   */
  appendHere(make: (place: Pick<Head, "writer" | "epoch">) => readonly TimedEvent[]): Promise<void> {
    return this.#between(async () => {
      if (this.#closed) throw closed();
      await this.#prepare();
      await this.#append(make(this.#tip.tip.head));
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
    this.#followed.reached(position);
  }

  /** Resolves when the sink has every event up to `position`. Never rejects. */
  followed(position: number): Promise<void> {
    return this.#followed.wait(position, this.acknowledged.position);
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
    return this.#between(() => this.#examine(probe));
  }

  async depth(): Promise<Depth> {
    const { position } = this.acknowledged;
    const [oldest]: readonly StoredEvent[] = await this.read(position, 1).catch(() => []);
    const oldestTime = oldest && Date.parse(oldest.header.time);
    const { last } = this;
    return { events: last - position, bytes: this.#retention.bytes, oldestTime, last };
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

  async #commit(group: readonly Waiter[]): Promise<void> {
    try {
      await this.#write(group);
    } catch (error) {
      for (const { settle } of group) settle(error);
    }
  }

  /** Makes the events durable that are not refused, and settles all. Rejects, and settles none, when the storage fails. */
  async #write(group: readonly Waiter[], time = group[0]?.time): Promise<void> {
    await this.#prepare();
    const { bytes } = this.#retention;
    const room = { token: this.#full ? 0 : this.#options.maxBytes - bytes, other: this.#hardLimit - bytes };
    // Events are linked only now: when the group fails, neither chain nor tree has moved, and no event links to a lost one.
    const linked = linkGroup(this.#opened(group, time), this.#tip.tip, room, this.#options.newId);
    const { events, accepted, refused } = linked;
    if (events.length > 0) await this.#extend(linked);
    // Until there is room again: otherwise small events would get through where larger ones do not.
    this.#full ||= refused.some(({ waiter, error }) => error.code === "FULL" && isOfCalls(waiter.event));
    const stored = accepted.map(({ event }) => event);
    if (stored.length > 0) this.#options.onStored?.(stored, this.#tip.tip.head);
    for (const { settle } of accepted) settle();
    for (const { waiter, error } of refused) waiter.settle(error);
    // Never for refused events alone: each would restart the wait of the reader that makes room.
    if (events.length > 0) this.#durable.wake();
  }

  /** Ends what an earlier failure has left. */
  async #prepare(): Promise<void> {
    if (this.#ended) throw new AuditError("UNAVAILABLE", "the audit log of this replica is closed for good");
    if (this.#journal.unsettled) await this.#reopen();
    if (this.#tip.isClosed) await this.#beginLog();
  }

  /** Has the end of the log signed, then begins the next one. Rejects with UNAVAILABLE, and then may be called again. */
  async #beginLog(): Promise<void> {
    // Without it the next log would begin, and the key that could sign this end be removed.
    if (this.#tip.isEndToSign) await this.#options.onClosed?.(this.checkpointable()).catch(unavailable);
    await beginLog(this.#tip, this.#options);
  }

  /** The group behind the first event of its log, where that is still to be written. */
  #opened(group: readonly Waiter[], time: number | undefined): readonly Waiter[] {
    const log = this.#tip.unopened;
    return time === undefined || log === undefined ? group : [waiterOf(openedEvent(log), time), ...group];
  }

  /** Makes the events durable. Rejects as {@link append} does, also where the storage fails. */
  async #append(events: readonly TimedEvent[]): Promise<void> {
    const errors: unknown[] = [];
    const settle = (error?: unknown) => void (error === undefined || errors.push(error));
    await this.#write(events.map(([event, time]) => ({ event, time, settle })));
    for (const error of errors) throw error;
  }

  async #extend({ events, tip }: LinkedGroup): Promise<void> {
    await this.#journal.append(events.map(({ body }) => body));
    this.#tip.reached(tip);
    this.#retention.reached();
    this.#recent.add(events);
  }

  async #beginWriter(reason: "KEY_ROTATED" | "BEHIND_CHECKPOINT", time: number): Promise<void> {
    if (this.#closed) throw closed();
    // The end that was written here is not that of the log.
    if (reason === "BEHIND_CHECKPOINT") this.#ended = false;
    await this.#prepare();
    const successor = await nameSuccessor(this.#options, reason, this.#identity.current);
    if (reason === "KEY_ROTATED" && this.#identity.current.log !== undefined)
      await this.#write([waiterOf(closedEvent(reason, successor), time)]);
    this.#tip.closed(successor);
    await this.#beginLog();
    await this.#write([], time);
  }

  async #closeLog(time: number): Promise<Checkpointable> {
    if (this.#closed) throw closed();
    if (!this.#ended) await this.#append([[closedEvent("REPLICA_REMOVED"), time]]);
    this.#ended = true;
    const log = this.checkpointable();
    await this.#options.onClosed?.(log).catch(unavailable);
    return log;
  }

  /** Runs the task between two groups. */
  #between<Result>(task: () => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => this.#commits.between(() => task().then(resolve, reject)));
  }

  async #examine(probe: boolean): Promise<void> {
    if (this.#closed) throw closed();
    this.#retention.look();
    await requireFreeSpace(this.#folder.path).catch(unavailable);
    const isIntact = await this.#identity.isIntact();
    if (!isIntact && !probe)
      throw new AuditError("UNAVAILABLE", `${this.#folder.path}: its identity.json is not as it was written`);
    if (!probe) return;
    // Nothing else has it: without it the spool could not be opened again.
    if (!isIntact) await this.#identity.change(() => ({}));
    await this.#prepare();
    await this.#journal.probe();
  }

  // Begins a new epoch, as after a crash: the abandoned events may have reached the disk after all, and their places in
  // the old epoch must not be used twice. The epoch is stored first: once the end is settled, events could continue the
  // old one.
  async #reopen(): Promise<void> {
    await this.#tip.takeEpoch();
    await this.#journal.settle();
    this.#tip.enterEpoch();
  }

  /** The number of the last record that is stored; 0 when every one was trimmed. */
  #lastStored(): number {
    return this.#segments.findLast(({ bytes }) => bytes > 0)?.last ?? 0;
  }
}

function closed(): AuditError {
  return new AuditError("UNAVAILABLE", "the audit spool is closed");
}

/** For an event that no caller waits for. */
function waiterOf(event: AuditEvent, time: number): Waiter {
  return { event, time, settle: () => {} };
}

function unavailable({ message, cause }: Error): never {
  throw new AuditError("UNAVAILABLE", message, { cause });
}
