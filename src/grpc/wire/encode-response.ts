import type { Duration } from "../../gen/google/protobuf/duration.ts";
import type { IssueTokenResponse, Rejection, VerifyTokenResponse, Warning } from "../../gen/signet/v1/token.ts";
import { BackwardWriter } from "./backward-writer.ts";

/*
 * The two answers of the hot path, encoded by hand: the generated code wraps every value of a Struct in three objects, and
 * makes a buffer for each. A test holds the bytes equal to the generated encoder's.
 */
const writer = new BackwardWriter();

/** Tags: (field number << 3) | wire type, 2 for what has a length, 1 for a double, 0 for a varint. */
const bytesOf = (field: number) => (field << 3) | 2;

export function encodeIssueTokenResponse(message: IssueTokenResponse): Buffer {
  return encoded(() => {
    warnings(bytesOf(9), message.warnings);
    struct(bytesOf(8), message.claims);
    timestamp(bytesOf(7), message.refreshAfter);
    timestamp(bytesOf(6), message.expiresAt);
    timestamp(bytesOf(5), message.issuedAt);
    text(bytesOf(4), message.profile);
    text(bytesOf(3), message.keyId);
    text(bytesOf(2), message.tokenId);
    text(bytesOf(1), message.token);
  });
}

export function encodeVerifyTokenResponse(message: VerifyTokenResponse): Buffer {
  return encoded(() => {
    text(bytesOf(15), message.frame);
    duration(bytesOf(14), message.revocationViewAge);
    varint(13 << 3, Number(message.keyringGeneration));
    text(bytesOf(12), message.diagnosis);
    warnings(bytesOf(11), message.warnings);
    timestamp(bytesOf(9), message.expiresAt);
    timestamp(bytesOf(8), message.issuedAt);
    text(bytesOf(7), message.keyId);
    text(bytesOf(6), message.profile);
    text(bytesOf(5), message.subject);
    text(bytesOf(4), message.tokenId);
    struct(bytesOf(3), message.claims);
    rejection(bytesOf(2), message.rejection);
    varint(1 << 3, message.valid ? 1 : 0);
  });
}

function rejection(tag: number, rejected: Rejection | undefined): void {
  if (rejected === undefined) return;
  const from = writer.length;
  text(bytesOf(7), rejected.websocketCloseReason);
  text(bytesOf(6), rejected.frame);
  varint(5 << 3, rejected.websocketCloseCode);
  text(bytesOf(4), rejected.wwwAuthenticate);
  varint(3 << 3, rejected.httpStatus);
  text(bytesOf(2), rejected.message);
  varint(1 << 3, rejected.reason);
  writer.close(tag, from);
}

function warnings(tag: number, list: readonly Warning[]): void {
  for (let i = list.length - 1; i >= 0; i -= 1) {
    const from = writer.length;
    text(bytesOf(2), list[i]?.message ?? "");
    text(bytesOf(1), list[i]?.code ?? "");
    writer.close(tag, from);
  }
}

function encoded(write: () => void): Buffer {
  try {
    write();
    return writer.take();
  } catch (error) {
    writer.reset();
    throw error;
  }
}

function text(tag: number, value: string): void {
  if (value !== "") writer.string(tag, value);
}

function varint(tag: number, value: number): void {
  if (value === 0) return;
  writer.varint(value);
  writer.varint(tag);
}

/** google.protobuf.Timestamp of whole seconds after 1970. */
function timestamp(tag: number, date: Date | undefined): void {
  if (date === undefined) return;
  const from = writer.length;
  varint(1 << 3, Math.trunc(date.getTime() / 1000));
  writer.close(tag, from);
}

/** google.protobuf.Duration that is not negative: seconds (1), nanos (2). */
function duration(tag: number, length: Duration | undefined): void {
  if (length === undefined) return;
  const from = writer.length;
  varint(2 << 3, length.nanos);
  varint(1 << 3, Number(length.seconds));
  writer.close(tag, from);
}

/** google.protobuf.Struct: a map from names (1) to values (2). */
function struct(tag: number, object: Readonly<Record<string, unknown>> | undefined): void {
  if (object === undefined) return;
  const from = writer.length;
  for (const name of Object.keys(object).reverse()) {
    const entry = writer.length;
    value(bytesOf(2), object[name]);
    text(bytesOf(1), name);
    writer.close(bytesOf(1), entry);
  }
  writer.close(tag, from);
}

/** google.protobuf.Value: null 1, number 2, string 3, bool 4, struct 5, list 6. Exactly one is there, also when it is zero. */
function value(tag: number, content: unknown): void {
  const from = writer.length;
  if (content === null) zeroable(1 << 3, 0);
  else if (typeof content === "number") writer.double((2 << 3) | 1, content);
  else if (typeof content === "string") writer.string(bytesOf(3), content);
  else if (typeof content === "boolean") zeroable(4 << 3, content ? 1 : 0);
  else if (Array.isArray(content)) list(bytesOf(6), content);
  else if (typeof content === "object") struct(bytesOf(5), content as Readonly<Record<string, unknown>>);
  else throw new TypeError(`a ${typeof content} is no JSON value`);
  writer.close(tag, from);
}

function zeroable(tag: number, number: number): void {
  writer.varint(number);
  writer.varint(tag);
}

function list(tag: number, values: readonly unknown[]): void {
  const from = writer.length;
  for (let i = values.length - 1; i >= 0; i -= 1) value(bytesOf(1), values[i]);
  writer.close(tag, from);
}
