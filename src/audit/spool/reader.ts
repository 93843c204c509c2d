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

interface Cursor {
  readonly index: number;
  readonly offset: number;
}

/** Reads the segments, one call at a time. Continuing where the last call ended needs no search. */
export class SegmentReader {
  readonly #segments: readonly Segment[];
  #open: { readonly segment: Segment; readonly handle: FileHandle } | undefined;
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

  close(): Promise<void> {
    return this.#queue.run(() => this.#closeFile());
  }

  /** Runs a task while nothing is being read: reads share one file handle and one cursor, and files must not vanish. */
  exclusively<Result>(task: () => Promise<Result>): Promise<Result> {
    return this.#queue.run(task);
  }

  async #read(position: number, limit: number): Promise<StoredEvent[]> {
    const segment = this.#segments.find((candidate) => candidate.last > position);
    if (segment === undefined) return [];
    const wanted = Math.max(position + 1, segment.first);
    const handle = await this.#openFile(segment);
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

  async #closeFile(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.handle.close();
  }

  async #openFile(segment: Segment): Promise<FileHandle> {
    if (this.#open?.segment === segment) return this.#open.handle;
    await this.#closeFile();
    this.#cursor = { index: 0, offset: 0 };
    const handle = await open(segment.path, "r");
    this.#open = { segment, handle };
    return handle;
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
