import { close, fdatasyncSync, fstatSync, ftruncate, ftruncateSync, open, writeSync } from "node:fs";
import { promisify } from "node:util";

/**
 * A segment's file, opened for appending by the one process that writes it. Each method rejects with the cause when the storage
 * failed.
 */
export interface SpoolFile {
  /** Appends all the bytes. When it rejects, any part of them may be in the file. */
  write(bytes: Uint8Array): Promise<void>;
  /** Resolves when all that was written and truncated is on stable storage. */
  sync(): Promise<void>;
  /** Cuts the file off at `size` bytes. */
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
}

/** How the spool opens its segments: `create` MUST refuse a file that exists. New files have the mode 0600. */
export type OpenSpoolFile = (path: string, mode: "create" | "existing") => Promise<SpoolFile>;

const openAsync = promisify(open);
const truncateAsync = promisify(ftruncate);
const closeAsync = promisify(close);

/**
 * Written before the bytes that take its place: a sync of a file that grows stores its new length as well, and takes twice as
 * long. Whoever reads a segment takes zeros for its end, and a file that is closed ends where its bytes end.
 */
const AHEAD = new Uint8Array(256 * 1024);

/**
 * Segments as plain files. Writing and syncing block: the audit has a thread of its own, and two trips to the thread pool
 * for each group cost more than they give.
 */
export const openDiskFile: OpenSpoolFile = async (path, mode) => {
  const fd = await openAsync(path, mode === "create" ? "wx" : "r+", 0o600);
  let size = mode === "create" ? 0 : fstatSync(fd).size;
  let end = size;
  return {
    async write(bytes) {
      while (end < size + bytes.length) {
        writeAll(fd, AHEAD, end);
        end += AHEAD.length;
      }
      writeAll(fd, bytes, size);
      size += bytes.length;
    },
    sync: async () => fdatasyncSync(fd),
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

// A full disk shows first as a short write: only the write after it says ENOSPC.
function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  for (let offset = 0; offset < bytes.length; ) {
    offset += writeSync(fd, bytes, offset, bytes.length - offset, position + offset);
  }
}
