import { type FileHandle, open } from "node:fs/promises";
import { createQueue } from "../../async/queue.ts";
import { AuditError } from "../event.ts";
import { type EventHeader, readHeader } from "../event-header.ts";
import { frameAt } from "./frame.ts";
import { markBefore, type Segment } from "./segment.ts";

/** A durable event: its number in the spool, its body byte for byte, and the header that publishing needs. */
export interface StoredEvent {
  readonly position: number;
  readonly body: Buffer;
  readonly header: EventHeader;
}

/** MUST be at least the size of the largest frame. */
const CHUNK_BYTES = 256 * 1024;

/** Open files have a limit too; a spool of the default size has half as many segments. */
const MOST_HELD = 1024;

interface Cursor {
  readonly index: number;
  readonly offset: number;
}

/** Reads the segments, one call at a time. Continuing where the last call ended needs no search. */
export class SegmentReader {
  readonly #segments: readonly Segment[];
  readonly #files = new Map<Segment, FileHandle>();
  #holds = false;
  #current: Segment | undefined;
  readonly #queue = createQueue();
  #cursor: Cursor = { index: 0, offset: 0 };

  constructor(segments: readonly Segment[]) {
    this.#segments = segments;
  }

  /**
   * Up to `limit` events after `position`, from one segment; empty when there is none. Rejects with CORRUPT for damage.
   */
  read(position: number, limit: number): Promise<StoredEvent[]> {
    return this.#queue.run(() => this.#read(position, limit));
  }

  /**
   * Opens the segments that are not acknowledged, at most {@link MOST_HELD}, so that they can be read even when their
   * names are gone, and closes the others. A segment that is not open is read by its name.
   */
  hold(): Promise<void> {
    this.#holds = true;
    return this.#queue.run(async () => {
      await this.#closeFiles((segment) => !this.#isInUse(segment));
      for (const segment of this.#segments)
        if (this.#files.size < MOST_HELD && this.#isInUse(segment)) await this.#open(segment).catch(() => undefined);
    });
  }

  close(): Promise<void> {
    return this.#queue.run(() => this.#closeFiles(() => true));
  }

  /** Runs a task while nothing is being read: reads share one file handle and one cursor, and files must not vanish. */
  exclusively<Result>(task: () => Promise<Result>): Promise<Result> {
    return this.#queue.run(task);
  }

  async #read(position: number, limit: number): Promise<StoredEvent[]> {
    const segment = this.#segments.find(({ last, bytes }) => last > position && bytes > 0);
    if (segment === undefined) return [];
    const wanted = Math.max(position + 1, segment.first);
    const handle = await this.#select(segment);
    let cursor: Cursor = this.#cursor.index === wanted ? this.#cursor : markBefore(segment, wanted);
    const events: StoredEvent[] = [];
    while (events.length === 0) {
      const before = cursor.offset;
      cursor = readFrames(await readChunk(handle, segment, before), cursor, wanted, limit, events);
      if (cursor.offset === before) throw damaged(segment, before);
    }
    this.#cursor = cursor;
    return events;
  }

  async #select(segment: Segment): Promise<FileHandle> {
    if (this.#current !== segment) {
      this.#current = segment;
      this.#cursor = { index: 0, offset: 0 };
      await this.#closeFiles((other) => !this.#isInUse(other));
    }
    return await this.#open(segment);
  }

  #isInUse(segment: Segment): boolean {
    if (!this.#segments.includes(segment)) return false;
    return segment === this.#current || (this.#holds && segment.acknowledgedAt === undefined);
  }

  async #open(segment: Segment): Promise<FileHandle> {
    const handle = this.#files.get(segment) ?? (await open(segment.path, "r"));
    this.#files.set(segment, handle);
    return handle;
  }

  async #closeFiles(which: (segment: Segment) => boolean): Promise<void> {
    for (const [segment, handle] of this.#files) {
      if (!which(segment)) continue;
      this.#files.delete(segment);
      await handle.close();
    }
  }
}

// Reads durable bytes only: a group that is being written may still be truncated.
async function readChunk(handle: FileHandle, segment: Segment, offset: number): Promise<Buffer> {
  const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, segment.bytes - offset));
  const { bytesRead } = await handle.read(chunk, 0, chunk.length, offset);
  return chunk.subarray(0, bytesRead);
}

function readFrames(chunk: Buffer, from: Cursor, wanted: number, limit: number, events: StoredEvent[]): Cursor {
  let index = from.index;
  let at = 0;
  while (events.length < limit) {
    const frame = frameAt(chunk, at);
    if (frame === undefined) break;
    if (index >= wanted) {
      const body = chunk.subarray(frame.start, frame.end);
      events.push({ position: index, body, header: readHeader(body) });
    }
    index++;
    at = frame.end;
  }
  return { index, offset: from.offset + at };
}

function damaged(segment: Segment, offset: number): AuditError {
  return new AuditError("CORRUPT", `${segment.path}: damaged frame at offset ${offset}`);
}
