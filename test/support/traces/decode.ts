import { BinaryReader } from "@bufbuild/protobuf/wire";

/** A span as a collector receives it. Times are Unix nanoseconds. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first span of a trace. */
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly name: string;
  readonly kind: "unspecified" | "internal" | "server" | "client" | "producer" | "consumer";
  readonly start: bigint;
  readonly end: bigint;
  readonly attributes: Attributes;
  readonly isError: boolean;
  readonly resource: Attributes;
}

type Attributes = Readonly<Record<string, string | number | boolean>>;

const KINDS = ["unspecified", "internal", "server", "client", "producer", "consumer"] as const;
const ERROR = 2;

/** The fields of a message by their numbers: integers as bigint, all else as bytes. */
type Fields = ReadonlyMap<number, readonly (bigint | Uint8Array)[]>;

/**
 * The spans of an `ExportTraceServiceRequest`, by the field numbers of the OTLP specification: the library that encodes
 * them can't decode them.
 */
export function decodeSpans(body: Uint8Array): ReceivedSpan[] {
  return messages(read(body), 1).flatMap((resourceSpans) => {
    const [resource] = messages(resourceSpans, 1);
    const attributes = resource === undefined ? {} : attributesOf(resource, 1);
    return messages(resourceSpans, 2).flatMap((scope) => messages(scope, 2).map((span) => spanOf(span, attributes)));
  });
}

function spanOf(span: Fields, resource: Attributes): ReceivedSpan {
  const [status] = messages(span, 15);
  return {
    traceId: bytesAt(span, 1).toString("hex"),
    spanId: bytesAt(span, 2).toString("hex"),
    traceState: bytesAt(span, 3).toString(),
    parentSpanId: bytesAt(span, 4).toString("hex"),
    name: bytesAt(span, 5).toString(),
    kind: KINDS[Number(numberAt(span, 6))] ?? "unspecified",
    start: numberAt(span, 7),
    end: numberAt(span, 8),
    attributes: attributesOf(span, 9),
    isError: status !== undefined && Number(numberAt(status, 3)) === ERROR,
    resource,
  };
}

function attributesOf(message: Fields, field: number): Attributes {
  return Object.fromEntries(
    messages(message, field).map((pair) => {
      const value = messages(pair, 2)[0] ?? new Map();
      return [bytesAt(pair, 1).toString(), attributeValue(value)];
    }),
  );
}

/** Strings, booleans and integers: there are no others. */
function attributeValue(value: Fields): string | number | boolean {
  if (value.has(2)) return numberAt(value, 2) === 1n;
  if (value.has(3)) return Number(numberAt(value, 3));
  return bytesAt(value, 1).toString();
}

function messages(message: Fields, field: number): Fields[] {
  return (message.get(field) ?? []).map((value) => read(value as Uint8Array));
}

function bytesAt(message: Fields, field: number): Buffer {
  return Buffer.from((message.get(field)?.[0] as Uint8Array | undefined) ?? []);
}

function numberAt(message: Fields, field: number): bigint {
  return (message.get(field)?.[0] as bigint | undefined) ?? 0n;
}

function read(bytes: Uint8Array): Fields {
  const reader = new BinaryReader(bytes);
  const fields = new Map<number, (bigint | Uint8Array)[]>();
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    fields.set(field, [...(fields.get(field) ?? []), valueAt(reader, wireType)]);
  }
  return fields;
}

function valueAt(reader: BinaryReader, wireType: number): bigint | Uint8Array {
  if (wireType === 0) return BigInt(reader.uint64());
  if (wireType === 1) return BigInt(reader.fixed64());
  if (wireType === 5) return BigInt(reader.fixed32());
  return reader.bytes();
}
