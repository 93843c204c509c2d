import type { Duration } from "../../gen/google/protobuf/duration.ts";
import type { IssueTokenResponse, Rejection, VerifyTokenResponse, Warning } from "../../gen/signet/v1/token.ts";
import { BackwardWriter } from "./backward-writer.ts";

/*
 * Hand-written encoders for the two responses of the hot path. The generated code wraps every value of a Struct in
 * three objects and makes a buffer for each. A test compares the bytes with those of the generated encoder.
 */
const writer = new BackwardWriter();

/** Tag of a field with a length, wire type 2. Other wire types: 0, a varint; 1, a double. */
const tagOf = (field: number) => (field << 3) | 2;

export function encodeIssueTokenResponse(message: IssueTokenResponse): Buffer {
  return encoded(() => {
    duration(tagOf(11), message.idleMax);
    duration(tagOf(10), message.sessionMax);
    warnings(tagOf(9), message.warnings);
    struct(tagOf(8), message.claims);
    timestamp(tagOf(7), message.refreshAfter);
    timestamp(tagOf(6), message.expiresAt);
    timestamp(tagOf(5), message.issuedAt);
    text(tagOf(4), message.profile);
    text(tagOf(3), message.keyId);
    text(tagOf(2), message.tokenId);
    text(tagOf(1), message.token);
  });
}

export function encodeVerifyTokenResponse(message: VerifyTokenResponse): Buffer {
  return encoded(() => {
    duration(tagOf(16), message.idleMax);
    text(tagOf(15), message.frame);
    duration(tagOf(14), message.revocationViewAge);
    varint(13 << 3, Number(message.keyringGeneration));
    text(tagOf(12), message.diagnosis);
    warnings(tagOf(11), message.warnings);
    timestamp(tagOf(10), message.sessionDeadline);
    timestamp(tagOf(9), message.expiresAt);
    timestamp(tagOf(8), message.issuedAt);
    text(tagOf(7), message.keyId);
    text(tagOf(6), message.profile);
    text(tagOf(5), message.subject);
    text(tagOf(4), message.tokenId);
    struct(tagOf(3), message.claims);
    rejection(tagOf(2), message.rejection);
    varint(1 << 3, message.valid ? 1 : 0);
  });
}

function rejection(tag: number, rejected: Rejection | undefined): void {
  if (rejected === undefined) return;
  const from = writer.length;
  text(tagOf(7), rejected.websocketCloseReason);
  text(tagOf(6), rejected.frame);
  varint(5 << 3, rejected.websocketCloseCode);
  text(tagOf(4), rejected.wwwAuthenticate);
  varint(3 << 3, rejected.httpStatus);
  text(tagOf(2), rejected.message);
  varint(1 << 3, rejected.reason);
  writer.close(tag, from);
}

function warnings(tag: number, list: readonly Warning[]): void {
  for (let i = list.length - 1; i >= 0; i -= 1) {
    const from = writer.length;
    text(tagOf(2), list[i]?.message ?? "");
    text(tagOf(1), list[i]?.code ?? "");
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

/** google.protobuf.Timestamp, of whole seconds after 1970. */
function timestamp(tag: number, date: Date | undefined): void {
  if (date === undefined) return;
  const from = writer.length;
  varint(1 << 3, Math.trunc(date.getTime() / 1000));
  writer.close(tag, from);
}

/** google.protobuf.Duration, not negative: seconds (1), nanos (2). */
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
    value(tagOf(2), object[name]);
    text(tagOf(1), name);
    writer.close(tagOf(1), entry);
  }
  writer.close(tag, from);
}

/**
 * google.protobuf.Value: null (1), number (2), string (3), bool (4), struct (5), list (6). Exactly one is written, even
 * if zero.
 */
function value(tag: number, content: unknown): void {
  const from = writer.length;
  if (content === null) zeroable(1 << 3, 0);
  else if (typeof content === "number") writer.double((2 << 3) | 1, content);
  else if (typeof content === "string") writer.string(tagOf(3), content);
  else if (typeof content === "boolean") zeroable(4 << 3, content ? 1 : 0);
  else if (Array.isArray(content)) list(tagOf(6), content);
  else if (typeof content === "object") struct(tagOf(5), content as Readonly<Record<string, unknown>>);
  else throw new TypeError(`a ${typeof content} is not a JSON value`);
  writer.close(tag, from);
}

function zeroable(tag: number, number: number): void {
  writer.varint(number);
  writer.varint(tag);
}

function list(tag: number, values: readonly unknown[]): void {
  const from = writer.length;
  for (let i = values.length - 1; i >= 0; i -= 1) value(tagOf(1), values[i]);
  writer.close(tag, from);
}
