/** The bytes of protobuf messages, field by field, also of those that no encoder writes. */

export function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  for (let rest = BigInt(value); ; rest >>= 7n) {
    if (rest < 128n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 127n) + 128);
  }
}

export const tag = (number: number, wireType: number): Buffer => varint(number * 8 + wireType);

/** One length-delimited field. */
export function field(number: number, content: Uint8Array | string): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([tag(number, 2), varint(bytes.length), bytes]);
}

/** One varint field. */
export const number = (field: number, value: number | bigint): Buffer => Buffer.concat([tag(field, 0), varint(value)]);

export const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");
