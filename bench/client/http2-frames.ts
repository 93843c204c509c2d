// The HTTP/2 frames (RFC 9113, 6) that a gRPC call needs.
export const DATA = 0;
export const HEADERS = 1;
export const RST_STREAM = 3;
export const SETTINGS = 4;
export const PING = 6;
export const GOAWAY = 7;
export const WINDOW_UPDATE = 8;
export const END_STREAM = 0x1;
export const ACK = 0x1;
export const END_HEADERS = 0x4;
export const MAX_CONCURRENT_STREAMS = 3;
export const HEAD_BYTES = 9;

export function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** The first bytes of a client: the preface, and windows so large that the server never waits for this client. */
export function greeting(): Buffer {
  const settings = Buffer.from("000400ffffff", "hex");
  const update = Buffer.from("40000000", "hex");
  return Buffer.concat([
    Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    frame(SETTINGS, 0, 0, settings),
    frame(WINDOW_UPDATE, 0, 0, update),
  ]);
}

/** A header block (RFC 7541) that does not use the dynamic table, so that its bytes are the same for each call. */
export function requestHeaders(authority: string, path: string): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  const POST_HTTP = [0x83, 0x86];
  const PATH = 0x04;
  const AUTHORITY = 0x01;
  const CONTENT_TYPE = [0x0f, 0x10];
  return Buffer.concat([
    Buffer.from([...POST_HTTP, PATH]),
    text(path),
    Buffer.from([AUTHORITY]),
    text(authority),
    Buffer.from(CONTENT_TYPE),
    text("application/grpc"),
    Buffer.from([0]),
    text("te"),
    text("trailers"),
  ]);
}
