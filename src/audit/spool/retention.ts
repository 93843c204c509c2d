import type { Place } from "../../files/place.ts";
import { AuditError } from "../event.ts";
import type { StreamMark } from "../forward/sink.ts";
import { type Bookmark, BookmarkKeeper } from "./bookmark.ts";
import type { IdentityKeeper, TreeEnd } from "./identity.ts";
import type { Journal } from "./journal.ts";
import type { SegmentReader } from "./reader.ts";
import { markAcknowledged, removeOldest, requireStored, type Segment, trimmable } from "./segment.ts";

export interface RetentionParts {
  readonly folder: Place;
  readonly identity: IdentityKeeper;
  readonly journal: Journal;
  /** Shared with the journal and the reader. */
  readonly segments: Segment[];
  readonly reader: SegmentReader;
  /** Where the log ends now. */
  readonly end: () => TreeEnd;
  /** Milliseconds of a monotonic clock. */
  readonly monotonic: () => number;
  /** Whether a forwarder reads the spool. */
  readonly forwarded: boolean;
}

/** The fill level of the spool. */
export interface Depth {
  /** Events that are not acknowledged. */
  readonly events: number;
  /** Bytes of all segments, acknowledged or not. */
  readonly bytes: number;
  /** Unix milliseconds of the oldest unacknowledged event; undefined when there is none or it can't be read. */
  readonly oldestTime: number | undefined;
  /** The number of the last event; 0 before the first one. */
  readonly last: number;
}

/**
 * Which events the spool still keeps: those that the sink has not got, and those that it has not had for long enough.
 */
export class Retention {
  readonly #parts: RetentionParts;
  readonly #bookmark: BookmarkKeeper;
  /** The active segment when all were held. */
  #held: Segment | undefined;

  constructor(parts: RetentionParts, bookmark: Bookmark) {
    this.#parts = parts;
    this.#bookmark = new BookmarkKeeper(parts.folder, this.#plausible(bookmark), parts.end());
  }

  /** The position up to which the sink has every event. */
  get acknowledged(): Bookmark {
    return this.#bookmark.current;
  }

  /** Of all segments, acknowledged or not. */
  get bytes(): number {
    return this.#parts.segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  /** The number of the last record that was trimmed. */
  get lastTrimmed(): number {
    return (this.#parts.segments[0]?.first ?? this.#parts.journal.next) - 1;
  }

  /** The log is durable up to its end. */
  reached(): void {
    this.#bookmark.reached(this.#parts.end());
    if (this.#parts.journal.active !== this.#held) this.hold().catch(() => undefined);
  }

  /** Records that every event up to `position` is in the sink, the last of them at `stream`. */
  acknowledge(position: number, stream: StreamMark): void {
    this.#bookmark.move({ position, stream });
    this.#markAcknowledged();
  }

  /** Records that the sink has lost the retained events. Returns the number of events to send again. */
  rewind(): number {
    const { segments, journal } = this.#parts;
    for (const segment of segments) segment.acknowledgedAt = undefined;
    const position = this.lastTrimmed;
    this.#bookmark.move({ position, stream: undefined });
    return journal.next - 1 - position;
  }

  /** Deletes the segments whose events were all acknowledged at least `horizonMs` ago. */
  async trim(horizonMs: number): Promise<void> {
    const { segments, reader, monotonic } = this.#parts;
    this.#markAcknowledged();
    const until = monotonic() - horizonMs;
    const { length } = segments;
    try {
      await reader.exclusively(() => this.#remove(trimmable(segments, until).length));
    } finally {
      // An open file keeps its space, for which a full disk waits.
      if (segments.length < length) await this.hold();
    }
  }

  /** Keeps what is not acknowledged open for the forwarder, if there is one. */
  async hold(): Promise<void> {
    this.#held = this.#parts.journal.active;
    if (this.#parts.forwarded) await this.#parts.reader.hold();
  }

  /** Throws UNAVAILABLE when the next process would not find every retained segment. */
  look(): void {
    const { folder, identity, journal, segments } = this.#parts;
    // What was noted as trimmed is on its way out. This does not wait until it is gone: no group is written meanwhile.
    const { first = 1 } = identity.current;
    const kept = segments.filter((segment) => segment.first >= first && segment !== journal.active);
    try {
      folder.look();
      for (const segment of kept) requireStored(segment);
      journal.look();
    } catch (cause) {
      throw new AuditError("UNAVAILABLE", `${folder.path}: is not as it was written`, { cause });
    }
  }

  /** Saves the bookmark, and where the log begins and ends. Never rejects. */
  async close(): Promise<void> {
    const { identity, end } = this.#parts;
    // A lost bookmark costs only duplicates, and the end of the log stays a lower bound.
    await this.#bookmark.close().catch(() => undefined);
    await identity.change(() => ({ ...end(), first: this.lastTrimmed + 1 })).catch(() => undefined);
  }

  async #remove(count: number): Promise<void> {
    const { folder, identity, journal, segments, end } = this.#parts;
    // A segment whose end is unknown is still to be truncated.
    if (count === 0 || journal.unsettled) return;
    const first = segments[count]?.first ?? end().next;
    const lost = identity.current.lost.filter(({ last }) => last >= first);
    const note = () => identity.change(() => ({ ...end(), first, lost }));
    // Before they go: a crash in between must not leave a spool in which they seem to be missing. The next epoch links
    // to the last record, whose hash the identity then holds. On a full disk one has to go before that.
    await note().catch(() => removeOldest(folder, segments).then(note));
    while (this.lastTrimmed + 1 < first) await removeOldest(folder, segments);
  }

  #markAcknowledged(): void {
    const { segments, journal, monotonic } = this.#parts;
    markAcknowledged(segments, journal.active, this.acknowledged.position, monotonic());
  }

  // A bookmark that contradicts the segments (it was lost, or the folder was tampered with) costs only duplicates.
  #plausible(bookmark: Bookmark): Bookmark {
    if (bookmark.position >= this.#parts.journal.next) return { position: this.lastTrimmed, stream: undefined };
    return { ...bookmark, position: Math.max(bookmark.position, this.lastTrimmed) };
  }
}
