import { END_HEADERS, frame, HEADERS, requestHeaders, SETTINGS } from "../../../bench/client/http2-frames.ts";

export const PRIORITY = 2;
export const CONTINUATION = 9;
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const INITIAL_WINDOW_SIZE = 4;
const NOTHING = Buffer.alloc(0);

/** The first bytes of a client that takes at most `window` bytes of each answer. */
export function greet(window = 65_535): Buffer {
  const setting = Buffer.alloc(6);
  setting.writeUInt16BE(INITIAL_WINDOW_SIZE);
  setting.writeUInt32BE(window, 2);
  return Buffer.concat([PREFACE, frame(SETTINGS, 0, 0, setting)]);
}

/** A frame with a number as its payload. */
export function numberFrame(type: number, stream: number, value: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(value);
  return frame(type, 0, stream, payload);
}

/** A gRPC message with its prefix. */
export function message(bytes: Buffer = NOTHING, { compressed = false, length = bytes.length } = {}): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(compressed ? 1 : 0);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, bytes]);
}

/** A header that is not indexed. */
export function header(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0]), literal(name), literal(value)]);
}

/** A text without Huffman coding (RFC 7541, 5.2). */
function literal(text: string): Buffer {
  return Buffer.concat([Buffer.from(prefixed(text.length)), Buffer.from(text)]);
}

/** An integer with a prefix of 7 bits (RFC 7541, 5.1). */
function prefixed(length: number): number[] {
  if (length < 127) return [length];
  const bytes = [127];
  let rest = length - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}

/** The headers of a call. */
export function head(stream: number, path: string, more: Buffer = NOTHING, flags = END_HEADERS): Buffer {
  return frame(HEADERS, flags, stream, Buffer.concat([requestHeaders("localhost", path), more]));
}
