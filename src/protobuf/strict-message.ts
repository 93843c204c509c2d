import { isUtf8 } from "node:buffer";
import type { MessageShape, ValueShape } from "./message-shape.ts";

/** As deep as the generated decoders go. The other libraries go as deep or deeper. */
const MAX_DEPTH = 100;
/** Longer texts are left to native code; for shorter ones its call costs more than this loop. */
const SHORT_TEXT = 24;

/**
 * Refuses a message that two protobuf libraries may read differently, before any of them decodes it. Otherwise a proxy
 * that checks a request could see another request than this service. Refused are:
 *
 * - a field that does not end within its message, so that every decoder stops exactly at the end of each message;
 * - groups, which proto3 does not have, with their end tags; tags of field 0, of an unknown wire type or over 32 bits;
 * - a known field in another wire type than its own: some libraries skip it, some read it;
 * - a singular message field, a key or a value of a map entry, or a oneof that is set twice: some libraries merge, some
 * take the last, some keep both;
 * - varints over 64 bits, and 32-bit numbers, booleans and null values over their range: libraries truncate them;
 * - texts that are not UTF-8: some libraries replace what is wrong;
 * - a `google.protobuf.Value` without a kind, a map entry without its message, and a `google.protobuf.Timestamp` with
 * more nanoseconds than a second has. None of them has a JSON form, and decoders drop or change them.
 *
 * Allowed, because every library reads the same: a scalar that comes twice (the last counts), a map key that comes
 * twice (the last entry counts), map entries without a key, fields in any order, unknown fields, unknown enum numbers,
 * and varints in more bytes than they need.
 *
 * @throws Error that names the field and the rule, and contains no value.
 */
export function checkMessage(shape: MessageShape, bytes: Uint8Array): void {
  new Walk(bytes).message(shape, bytes.length, 1);
}

/** One pass over the bytes of a message. Nothing is decoded or copied. */
class Walk {
  readonly #bytes: Uint8Array;
  #position = 0;
  /** The 64 bits of the last varint. */
  #low = 0;
  #high = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  message(shape: MessageShape, end: number, depth: number): void {
    if (depth > MAX_DEPTH) throw new Error(`messages are nested more than ${MAX_DEPTH} deep`);
    const { fields } = shape;
    let seen = 0;
    while (this.#position < end) {
      const tag = this.#uint32(end);
      const number = tag >>> 3;
      const field = number < fields.length ? fields[number] : undefined;
      if (field === undefined) this.#skip(tag, end);
      else {
        if ((tag & 7) !== field.wireType) throw new Error(`${field.name} has the wrong wire type`);
        if ((seen & field.once) !== 0) throw twice(field);
        seen |= field.once;
        this.#value(field, end, depth);
      }
    }
    if ((seen & shape.required) !== shape.required) throw new Error(`${shape.name} lacks its value`);
  }

  #value(field: ValueShape, end: number, depth: number): void {
    if (field.wireType === 0) {
      this.#varint(end);
      if (!fits(field, this.#low, this.#high)) throw new Error(`${field.name} is out of range`);
      return;
    }
    const length = this.#length(field.wireType, end);
    const valueEnd = this.#position + length;
    if (field.content === "bytes") this.#position = valueEnd;
    else if (field.content === "text") {
      if (!this.#isText(valueEnd)) throw new Error(`${field.name} is not UTF-8`);
      this.#position = valueEnd;
    } else this.message(field.content, valueEnd, depth + 1);
  }

  #skip(tag: number, end: number): void {
    if (tag >>> 3 === 0) throw new Error("a tag has the field number 0");
    if ((tag & 7) === 0) this.#varint(end);
    else {
      const length = this.#length(tag & 7, end);
      this.#position += length;
    }
  }

  /** How many bytes the next value has. They are in the message. */
  #length(wireType: number, end: number): number {
    const length = wireType === 2 ? this.#uint32(end) : FIXED_LENGTH[wireType];
    if (length === undefined) throw new Error(`a tag has the wire type ${wireType}, which proto3 does not use`);
    if (length > end - this.#position) throw new Error("a field goes beyond the end of its message");
    return length;
  }

  /** A tag or a length. C++ reads at most five bytes; Java and JavaScript drop what is above 32 bits. */
  #uint32(end: number): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#byte(end);
      if (shift === 28 && byte > 0x0f) throw new Error("a tag or a length has more than 32 bits");
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  }

  #varint(end: number): void {
    let low = 0;
    let high = 0;
    for (let index = 0; ; index += 1) {
      const byte = this.#byte(end);
      if (index === 9 && byte > 1) throw new Error("a varint has more than 64 bits");
      const bits = byte & 0x7f;
      if (index < 4) low |= bits << (7 * index);
      else if (index === 4) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (7 * index - 32);
      if (byte < 0x80) break;
    }
    this.#low = low >>> 0;
    this.#high = high >>> 0;
  }

  #byte(end: number): number {
    if (this.#position >= end) throw new Error("a field goes beyond the end of its message");
    const byte = this.#bytes[this.#position] as number;
    this.#position += 1;
    return byte;
  }

  #isText(end: number): boolean {
    const start = this.#position;
    if (end - start > SHORT_TEXT) return isUtf8(this.#bytes.subarray(start, end));
    for (let at = start; at < end; at += 1)
      if ((this.#bytes[at] as number) > 0x7f) return isUtf8(this.#bytes.subarray(start, end));
    return true;
  }
}

const FIXED_LENGTH: Readonly<Record<number, number>> = { 1: 8, 5: 4 };

function twice({ name, oneof }: ValueShape): Error {
  return new Error(oneof === undefined ? `${name} comes twice` : `${oneof} is set twice, the second time by ${name}`);
}

function fits({ max, negative }: ValueShape, low: number, high: number): boolean {
  if (high === 0) return low <= max;
  if (max === Number.POSITIVE_INFINITY) return true;
  return negative && high === 0xffff_ffff && low >= 0x8000_0000;
}
