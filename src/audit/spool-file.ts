import { close, fdatasyncSync, ftruncate, open, writeSync } from "node:fs";
import { promisify } from "node:util";

/** A segment's file, opened for appending. Each method rejects with the cause when the storage failed. */
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
 * Segments as plain files. Writing and syncing block: the audit has a thread of its own, and two trips to the thread pool
 * for each group cost more than they give.
 */
export const openDiskFile: OpenSpoolFile = async (path, mode) => {
  const fd = await openAsync(path, mode === "create" ? "ax" : "a", 0o600);
  return {
    write: async (bytes) => writeAll(fd, bytes),
    sync: async () => fdatasyncSync(fd),
    truncate: (size) => truncateAsync(fd, size),
    close: () => closeAsync(fd),
  };
};

// A full disk shows first as a short write: only the write after it says ENOSPC.
function writeAll(fd: number, bytes: Uint8Array): void {
  for (let offset = 0; offset < bytes.length; ) offset += writeSync(fd, bytes, offset, bytes.length - offset);
}
