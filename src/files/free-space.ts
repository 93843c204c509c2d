import { statfs } from "node:fs/promises";
import { FileError, fileErrorOf } from "./file-error.ts";

/**
 * The least free space of the file system. Below it the zeros that are written ahead, the next segment, or the journal
 * of a state file on the same disk may fail at any moment.
 */
export const LEAST_FREE_BYTES = 1024 ** 2;

/** What statfs(2) says: sizes in blocks of `bsize` bytes. `bavail` leaves out what is reserved for root. */
interface Blocks {
  readonly bsize: number;
  readonly blocks: number;
  readonly bfree: number;
  readonly bavail: number;
}

/** Rejects with the FileError ENOSPC when the file system of the folder is as good as full. */
export async function requireFreeSpace(folder: string): Promise<void> {
  const blocks = await statfs(folder).catch((cause) => {
    throw fileErrorOf(folder, cause);
  });
  if (isFull(blocks, process.geteuid?.() === 0)) {
    throw new FileError("ENOSPC", `${folder}: its file system has less than ${LEAST_FREE_BYTES} bytes free`);
  }
}

/** Whether less than {@link LEAST_FREE_BYTES} are free for this user. A file system that does not know is not full. */
export function isFull({ bsize, blocks, bfree, bavail }: Blocks, isRoot: boolean): boolean {
  return blocks > 0 && (isRoot ? bfree : bavail) * bsize < LEAST_FREE_BYTES;
}
