import { crc32 } from "node:zlib";

/** Bytes before each body: its length with the group mark, and its CRC-32, both big-endian. */
export const FRAME_HEADER_BYTES = 8;

/** The most bytes of one body; what claims more is damaged. */
export const MAX_BODY_BYTES = 128 * 1024;

/**
 * Marks the first frame of a group, in the length's top bit. A group is written only after the one before it is synced:
 * so damage that is followed by a marked frame is not a torn end but the loss of what had been acknowledged.
 */
const GROUP_MARK = 0x8000_0000;

/** A frame's header. */
export function frameHeader(body: Uint8Array, startsGroup: boolean): Buffer {
  const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
  header.writeUInt32BE((startsGroup ? GROUP_MARK : 0) + body.length, 0);
  header.writeUInt32BE(crc32(body), 4);
  return header;
}

/** A frame found in bytes: its body is bytes[start, end), and end is where the next frame begins. */
export interface Frame {
  readonly start: number;
  readonly end: number;
  readonly startsGroup: boolean;
}

/** The whole, undamaged frame at `offset`; undefined when there is none. */
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

/** Whether a group begins anywhere after `offset`, however little of what lies between can be read. */
export function groupBeginsAfter(bytes: Buffer, offset: number): boolean {
  for (let at = offset + 1; at + FRAME_HEADER_BYTES < bytes.length; at++) {
    if (bytes[at] === 0x80 && frameAt(bytes, at)) return true;
  }
  return false;
}
