import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { field, number, tag, varint } from "./bytes.ts";

type Random = (from: number, to: number) => number;

const MAX_DEPTH = 7;

/** One in how many messages, nested ones too, gets a mutation. */
const ONE_IN = 12;

/**
 * Random bytes that are almost a message of the type. Its messages, at every depth, are mutated before their length is
 * written, so that most mutations stay inside; at last some bytes of the whole may be.
 */
export function mutatedMessage(type: DescMessage, random: Random): Buffer {
  const bytes = message(type, random, 0);
  if (random(0, 6) > 0 || bytes.length === 0) return bytes;
  const at = random(0, bytes.length);
  if (random(0, 3) === 0) return bytes.subarray(0, at);
  bytes[at] = random(0, 256);
  return bytes;
}

function message(type: DescMessage, random: Random, depth: number): Buffer {
  const oneofs = new Map(type.oneofs.map((oneof) => [oneof, pick(oneof.fields, random)]));
  const pieces = type.fields.flatMap((one) => {
    if (one.oneof ? oneofs.get(one.oneof) !== one : random(0, 3) === 0) return [];
    if (one.message && depth >= MAX_DEPTH) return [];
    const repeated = one.fieldKind === "list" || one.fieldKind === "map";
    return Array.from({ length: repeated ? random(0, 3) : 1 }, () => piece(one, random, depth));
  });
  return mutated(type, pieces, random, depth);
}

function mutated(type: DescMessage, pieces: Buffer[], random: Random, depth: number): Buffer {
  if (random(0, ONE_IN) === 0) {
    const at = random(0, pieces.length + 1);
    const other = type.fields[random(0, type.fields.length)];
    const again = other && (other.message === undefined || depth < MAX_DEPTH) ? piece(other, random, depth) : [];
    pieces.splice(
      at,
      0,
      Buffer.from(pick<Uint8Array | readonly number[]>([...JUNK, again, again, again, again], random)),
    );
  }
  const last = pieces.length - 1;
  if (random(0, 20) === 0) pieces.unshift(...pieces.splice(random(0, last + 1), 1));
  if (random(0, 40) === 0 && pieces[last]) pieces[last] = pieces[last].subarray(0, random(0, pieces[last].length));
  return Buffer.concat(pieces);
}

function piece(one: DescField, random: Random, depth: number): Buffer {
  if (random(0, 100) === 0)
    return Buffer.concat([tag(one.number, random(0, 8)), varint(random(0, 10)), Buffer.alloc(8)]);
  if (one.fieldKind === "map") return field(one.number, entry(one, random, depth));
  if (one.message) return field(one.number, message(one.message, random, depth + 1));
  return scalar(one.number, one.scalar ?? ScalarType.INT32, random);
}

function entry(map: DescField & { fieldKind: "map" }, random: Random, depth: number): Buffer {
  const key = scalar(1, map.mapKey, random);
  const content = map.message ? message(map.message, random, depth + 1) : Buffer.from("?");
  const value = field(2, content);
  return pick(
    [
      ...Array.from({ length: 30 }, () => [key, value]),
      [value, key],
      [key],
      [value],
      [key, value, value],
      [key, key, value],
    ],
    random,
    Buffer.concat,
  );
}

function scalar(at: number, type: ScalarType, random: Random): Buffer {
  if (type === ScalarType.STRING) return field(at, pick(TEXTS, random));
  if (type === ScalarType.BYTES) return field(at, Buffer.from([random(0, 256)]));
  if (type === ScalarType.DOUBLE) {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(pick([0, -0, 1.5, Number.NaN, Number.NEGATIVE_INFINITY, 2 ** 53], random));
    return Buffer.concat([tag(at, 1), bytes]);
  }
  const seldom = random(0, 12) === 0;
  if (!seldom) return number(at, random(0, 2));
  return Buffer.concat([tag(at, 0), pick(VARINTS, random, Buffer.from)]);
}

/** Half of them good; wrong ones are seldom drawn. */
const TEXTS: readonly Buffer[] = [
  ...[
    "",
    "a",
    "good",
    "\uFEFFbom",
    "grün",
    "x".repeat(40),
    `${"y".repeat(40)}€`,
    "\u{1F600}",
    "\0",
    "b",
    "c",
    "d",
  ].flatMap((text) => Array.from({ length: 6 }, () => Buffer.from(text))),
  Buffer.from([0xff]),
  Buffer.from([0xed, 0xa0, 0x80]),
  Buffer.concat([Buffer.alloc(40, 0x61), Buffer.from([0xc0, 0x80])]),
];

const VARINTS: readonly (readonly number[])[] = [
  [0x80, 0],
  [0x81, 0x80, 0x80, 0x80, 0],
  [0x81, 0x80, 0x80, 0x80, 0x80, 0],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0x80, 0x80, 0x80, 0x80, 0x10],
  [0x80, 0x94, 0xeb, 0xdc, 0x03],
  [...Array.from({ length: 9 }, () => 0xff), 1],
  [...Array.from({ length: 9 }, () => 0xff), 0x7f],
  [...Array.from({ length: 10 }, () => 0x80), 1],
];

const EVIL = [0x1a, 4, ...Buffer.from("evil")];

const JUNK: readonly (readonly number[])[] = [
  [0],
  [0x0c],
  [0, ...EVIL],
  [0x0c, ...EVIL],
  [0x1c, ...EVIL],
  // Groups: empty, with a field, not ended, ended by another number, nested.
  [0xdb, 6, 0xdc, 6],
  [0xdb, 6, ...EVIL, 0xdc, 6],
  [0xdb, 6, ...EVIL],
  [0xdb, 6, 0xe4, 6],
  [0xdb, 6, 0xe3, 6, 0xe4, 6, 0xdc, 6],
  // Unknown fields of each wire type, and of the largest number.
  [0xd8, 6, 1],
  [0xd9, 6, 1, 2, 3, 4, 5, 6, 7, 8],
  [0xda, 6, 2, 0, 0],
  [0xdd, 6, 1, 2, 3, 4],
  [0xde, 6, 1],
  [0xdf, 6, 1],
  [0xf8, 0xff, 0xff, 0xff, 0x0f, 1],
  [0xf8, 0xff, 0xff, 0xff, 0x1f, 1],
  // Tags and lengths in more bytes than they need, or over 32 bits.
  [0x9a, 0, 1, 0x61],
  [0x9a, 0x80, 0x80, 0x80, 0, 1, 0x61],
  [0x9a, 0x80, 0x80, 0x80, 0x80, 0, 1, 0x61],
  [0x1a, 0x81, 0x80, 0x80, 0x80, 0, 0x61],
  [0x1a, 0x81, 0x80, 0x80, 0x80, 0x10, 0x61],
  [0x1a, 0x81, 0x80, 0x80, 0x80, 0x80, 0, 0x61],
  // An unknown varint over 64 bits, and a length beyond the end.
  [0xd8, 6, ...Array.from({ length: 12 }, () => 0x80), 1],
  [0xda, 6, 0x7f],
];

function pick<Item, Result = Item>(
  items: readonly Item[],
  random: Random,
  use: (item: Item) => Result = (item) => item as unknown as Result,
): Result {
  return use(items[random(0, items.length)] as Item);
}
