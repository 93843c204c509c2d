import { close, fdatasyncSync, fstatSync, ftruncate, ftruncateSync, open, writeSync } from "node:fs";
import { promisify } from "node:util";
import { placeOf } from "../../files/place.ts";

/** A segment's file, opened for appending by its only writer. Each method rejects with the storage's error. */
export interface SpoolFile {
  /** Appends the bytes. When it rejects, any part of them may be in the file. */
  write(bytes: Uint8Array): Promise<void>;
  /** Writes zeros behind the bytes, as `write` does ahead of the next ones. When it rejects, `truncate` is due. */
  prepare(): Promise<void>;
  /** Resolves when all writes and truncations are on stable storage. */
  sync(): Promise<void>;
  /** Throws when another process would not find the bytes: the path names no file or another, or they were cut off. */
  look(): void;
  /** Truncates the file to `size` bytes. */
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
}

/** Opens a segment's file. `create` MUST reject when the file exists; a new file has mode 0600. */
export type OpenSpoolFile = (path: string, mode: "create" | "existing") => Promise<SpoolFile>;

const openAsync = promisify(open);
const truncateAsync = promisify(ftruncate);
const closeAsync = promisify(close);

/**
 * Written ahead of the records, which then overwrite it: syncing a file that grows also stores its new length, which
 * takes twice as long. Readers treat zeros as the end of a segment, and `close` truncates the file to its records.
 */
const ZEROS = new Uint8Array(256 * 1024);

/**
 * Opens segments as plain files. Writes and syncs block: the audit log runs in its own thread, where two round trips to
 * the thread pool for each group would cost more than they gain.
 */
export const openDiskFile: OpenSpoolFile = async (path, mode) => {
  const fd = await openAsync(path, mode === "create" ? "wx" : "r+", 0o600);
  const stats = fstatSync(fd, { bigint: true });
  const place = placeOf(path, stats);
  let size = Number(stats.size);
  let end = size;
  let cutOff = false;

  // What is written behind a cut makes the file as long as before, so the cut must be noticed before that.
  function requireLength(length: bigint): void {
    cutOff ||= length < end;
    if (cutOff) throw new Error(`${path} was truncated while it was in use`);
  }

  return {
    async write(bytes) {
      // There are always zeros behind the bytes, so that a truncation shows in the length.
      while (end <= size + bytes.length) {
        requireLength(fstatSync(fd, { bigint: true }).size);
        writeAll(fd, ZEROS, end);
        end += ZEROS.length;
      }
      writeAll(fd, bytes, size);
      size += bytes.length;
    },
    async prepare() {
      writeAll(fd, ZEROS, size);
      end = Math.max(end, size + ZEROS.length);
    },
    sync: async () => fdatasyncSync(fd),
    look: () => requireLength(place.look().size),
    async truncate(to) {
      await truncateAsync(fd, to);
      size = to;
      end = to;
    },
    async close() {
      try {
        if (end > size) ftruncateSync(fd, size);
      } finally {
        await closeAsync(fd);
      }
    },
  };
};

// A full disk first causes a short write; only the next write fails with ENOSPC.
function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  for (let offset = 0; offset < bytes.length; ) {
    offset += writeSync(fd, bytes, offset, bytes.length - offset, position + offset);
  }
}
