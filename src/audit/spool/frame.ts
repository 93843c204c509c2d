import { crc32 } from "node:zlib";

/** Bytes before each body: its length with the group mark, then its CRC-32, both 32 bits and big-endian. */
export const FRAME_HEADER_BYTES = 8;

/** The most bytes of a body. A frame with a greater length is damaged. */
export const MAX_BODY_BYTES = 128 * 1024;

/**
 * The top bit of the length, set in the first frame of a group. A group is written only after the previous one was
 * synced, so damage followed by a marked frame is not a torn end but the loss of acknowledged events.
 */
const GROUP_MARK = 0x8000_0000;

export function frameHeader(body: Uint8Array, startsGroup: boolean): Buffer {
  const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
  header.writeUInt32BE((startsGroup ? GROUP_MARK : 0) + body.length, 0);
  header.writeUInt32BE(crc32(body), 4);
  return header;
}

/** A frame in a buffer: its body is bytes[start, end), and the next frame begins at `end`. */
export interface Frame {
  readonly start: number;
  readonly end: number;
  readonly startsGroup: boolean;
}

/** The complete, undamaged frame at `offset`; undefined when there is none. */
export function frameAt(bytes: Buffer, offset: number): Frame | undefined {
  const start = offset + FRAME_HEADER_BYTES;
  if (start > bytes.length) return undefined;
  const word = bytes.readUInt32BE(offset);
  const length = word & ~GROUP_MARK;
  const end = start + length;
  if (length === 0 || length > MAX_BODY_BYTES || end > bytes.length) return undefined;
  if (crc32(bytes.subarray(start, end)) !== bytes.readUInt32BE(offset + 4)) return undefined;
  return { start, end, startsGroup: word >>> 31 === 1 };
}

/** Whether a group begins anywhere after `offset`, even if the bytes before it can't be read as frames. */
export function groupBeginsAfter(bytes: Buffer, offset: number): boolean {
  for (let at = offset + 1; at + FRAME_HEADER_BYTES < bytes.length; at++) {
    if (bytes[at] === 0x80 && frameAt(bytes, at)) return true;
  }
  return false;
}
