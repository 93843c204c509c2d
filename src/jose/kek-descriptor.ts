import { close, fstat, read } from "node:fs";
import { promisify } from "node:util";
import { type Kek, kekBytes, kekOf } from "./kek.ts";
import { KekError } from "./kek-error.ts";
import { kekOfText, longestKekText } from "./kek-text.ts";

const PREFIX = "fd:";

/** Whether the place of a KEK is a descriptor that the process was started with, `fd:3`, and not a file. */
export function isDescriptor(place: string): boolean {
  return place.startsWith(PREFIX);
}

/**
 * Reads a KEK to the end of a pipe, a socket or a file that the process inherited, and closes it: 32 raw bytes, or what a
 * KEK file holds. Throws {@link KekError}: KEK_MISSING when nothing is open there.
 */
export async function readKekDescriptor(place: string): Promise<Kek> {
  const descriptor = Number(place.slice(PREFIX.length));
  const where = `KEK descriptor ${descriptor}`;
  const content = await readAll(descriptor, where);
  const kek = content.length === kekBytes ? rawKek(content) : kekOfText(content, where);
  // Only when it held a KEK: what else has this number belongs to someone else, and a start that failed ends anyway.
  await promisify(close)(descriptor);
  return kek;
}

function rawKek(content: Buffer): Kek {
  try {
    return kekOf(content);
  } finally {
    content.fill(0);
  }
}

async function readAll(descriptor: number, where: string): Promise<Buffer> {
  const buffer = Buffer.alloc(longestKekText);
  try {
    const stats = await promisify(fstat)(descriptor);
    if (!(stats.isFIFO() || stats.isSocket() || stats.isFile()))
      throw new KekError("KEK_UNREADABLE", `${where} is no pipe, socket or file`);
    if (stats.isFile() && (stats.mode & 0o077) !== 0)
      throw new KekError("KEK_EXPOSED", `${where} is a file that is open to group or others: chmod 600 it`);
    let length = 0;
    for (let got = -1; got !== 0 && length < buffer.length; length += got)
      got = (await promisify(read)(descriptor, buffer, length, buffer.length - length, null)).bytesRead;
    return buffer.subarray(0, length);
  } catch (cause) {
    buffer.fill(0);
    throw cause instanceof KekError ? cause : refused(cause, where);
  }
}

function refused(cause: unknown, where: string): KekError {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "EBADF") return new KekError("KEK_MISSING", `${where} is not open: start Signet with it`, { cause });
  return new KekError("KEK_UNREADABLE", `${where} can't be read: ${code}`, { cause });
}
