import { type DescField, type DescMessage, type DescOneof, ScalarType } from "@bufbuild/protobuf";

/** What a message may hold: a descriptor, compiled for `checkMessage`. */
export interface MessageShape {
  readonly name: string;
  /** By field number. */
  readonly fields: readonly (ValueShape | undefined)[];
  /** The `once` bits without which the message has no meaning. */
  readonly required: number;
}

export interface ValueShape {
  readonly name: string;
  readonly oneof: string | undefined;
  readonly wireType: number;
  /** A bit of its own for what may come once in a message; the members of a oneof share one. 0 for other fields. */
  readonly once: number;
  /** What is inside the bytes of a value; `bytes` for numbers as well. */
  readonly content: MessageShape | "text" | "bytes";
  /** The largest unsigned varint. Infinity for 64 bits. */
  readonly max: number;
  /** Whether the varint may be a negative number of 32 bits, which is sent in 64. */
  readonly negative: boolean;
}

type Value = Omit<ValueShape, "name" | "oneof" | "once">;

const VARINT = 0;
const LENGTH = 2;
const MAX_UINT32 = 0xffff_ffff;

const varint = (max: number, negative = false): Value => ({ wireType: VARINT, content: "bytes", max, negative });
const fixed = (wireType: number): Value => ({ wireType, content: "bytes", max: 0, negative: false });
const long = (content: Value["content"]): Value => ({ wireType: LENGTH, content, max: 0, negative: false });

const SCALARS: Readonly<Record<ScalarType, Value>> = {
  [ScalarType.DOUBLE]: fixed(1),
  [ScalarType.FLOAT]: fixed(5),
  [ScalarType.INT64]: varint(Number.POSITIVE_INFINITY),
  [ScalarType.UINT64]: varint(Number.POSITIVE_INFINITY),
  [ScalarType.INT32]: varint(MAX_UINT32, true),
  [ScalarType.FIXED64]: fixed(1),
  [ScalarType.FIXED32]: fixed(5),
  [ScalarType.BOOL]: varint(1),
  [ScalarType.STRING]: long("text"),
  [ScalarType.BYTES]: long("bytes"),
  [ScalarType.UINT32]: varint(MAX_UINT32),
  [ScalarType.SFIXED32]: fixed(5),
  [ScalarType.SFIXED64]: fixed(1),
  [ScalarType.SINT32]: varint(MAX_UINT32),
  [ScalarType.SINT64]: varint(Number.POSITIVE_INFINITY),
};

/** Ranges that are narrower than the types in the descriptors. */
const RANGES: Readonly<Record<string, Value>> = {
  "google.protobuf.Timestamp.nanos": varint(999_999_999),
  // The only number of its enum, which JSON can't tell from another one.
  "google.protobuf.Value.null_value": varint(0),
};
/** Messages that have no JSON form without their oneof. */
const NEEDS_ONEOF = "google.protobuf.Value";

/** @throws Error for a descriptor with features that the contract does not use. */
export function messageShape(type: DescMessage): MessageShape {
  return compile(type, new Map());
}

function compile(type: DescMessage, known: Map<string, MessageShape>): MessageShape {
  const before = known.get(type.typeName);
  if (before !== undefined) return before;
  const fields: (ValueShape | undefined)[] = [];
  const bits = new Map<DescField | DescOneof, number>();
  const shape = { name: type.typeName, fields, required: 0 };
  known.set(type.typeName, shape);
  for (const field of type.fields) {
    const slot = field.oneof ?? (field.fieldKind === "message" ? field : undefined);
    if (slot !== undefined && !bits.has(slot)) bits.set(slot, bitOf(bits.size));
    const once = slot === undefined ? 0 : (bits.get(slot) ?? 0);
    fields[field.number] = { name: field.name, oneof: field.oneof?.name, once, ...shapeOfValue(field, known) };
  }
  if (type.typeName === NEEDS_ONEOF) shape.required = 1;
  return shape;
}

function bitOf(index: number): number {
  if (index > 30) throw new Error("a message has more than 31 singular messages and oneofs");
  return 1 << index;
}

function shapeOfValue(field: DescField, known: Map<string, MessageShape>): Value {
  if (field.fieldKind === "map") return long(entryShape(field, known));
  if (field.message !== undefined) return long(compile(field.message, known));
  if (field.fieldKind === "list" && field.scalar !== ScalarType.STRING && field.scalar !== ScalarType.BYTES)
    throw new Error(`${field.toString()} may be packed, which is not supported`);
  const inRange = RANGES[`${field.parent.typeName}.${field.name}`];
  return inRange ?? SCALARS[field.scalar ?? ScalarType.INT32];
}

function entryShape(field: DescField & { fieldKind: "map" }, known: Map<string, MessageShape>): MessageShape {
  const value = field.message ? long(compile(field.message, known)) : SCALARS[field.scalar ?? ScalarType.INT32];
  const name = `an entry of ${field.name}`;
  return {
    name,
    fields: [
      undefined,
      { name: `the key of ${name}`, oneof: undefined, once: 1, ...SCALARS[field.mapKey] },
      { name: `the value of ${name}`, oneof: undefined, once: 2, ...value },
    ],
    required: field.message ? 2 : 0,
  };
}
