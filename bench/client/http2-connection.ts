import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Connection, OnAnswer } from "./connection.ts";
import {
  ACK,
  DATA,
  END_HEADERS,
  END_STREAM,
  frame,
  GOAWAY,
  greeting,
  HEAD_BYTES,
  HEADERS,
  MAX_CONCURRENT_STREAMS,
  PING,
  RST_STREAM,
  requestHeaders,
  SETTINGS,
  WINDOW_UPDATE,
} from "./http2-frames.ts";
import type { TlsFiles } from "./job.ts";

interface Open {
  readonly call: number;
  bytes: number;
}

const PREFIX_BYTES = 5;

/**
 * Opens an HTTP/2 connection (RFC 9113) that only makes unary gRPC calls of one method. A call costs a few
 * microseconds; with Node's own client it would cost as much as on the server under test. Headers are never decoded: a
 * gRPC error has no message, so a message that begins with `expected` and is followed by trailers is an answer with
 * status 0.
 */
export async function openHttp2Connection(
  address: string,
  path: string,
  expected: Buffer,
  onAnswer: OnAnswer,
  tls?: TlsFiles,
): Promise<Connection> {
  const socket = await open(address, tls);

  const headers = requestHeaders(address, path);
  const calls = new Map<number, Open>();
  const waiting: { call: number; frame: Buffer }[] = [];
  let nextStream = 1;
  let maxStreams = Number.POSITIVE_INFINITY;
  let window = 65_535;
  let rest: Buffer = Buffer.alloc(0);

  function pump(): void {
    for (let next = waiting[0]; next && calls.size < maxStreams && window >= next.frame.length; next = waiting[0]) {
      waiting.shift();
      window -= next.frame.length;
      calls.set(nextStream, { call: next.call, bytes: 0 });
      socket.write(
        Buffer.concat([
          frame(HEADERS, END_HEADERS, nextStream, headers),
          frame(DATA, END_STREAM, nextStream, next.frame),
        ]),
      );
      nextStream += 2;
    }
  }

  function onData(stream: number, payload: Buffer): void {
    const answer = calls.get(stream);
    if (!answer) throw new Error(`stream ${stream} got data but is not open`);
    if (answer.bytes === 0 && !payload.subarray(PREFIX_BYTES).subarray(0, expected.length).equals(expected)) {
      throw new Error(
        `${path} answered ${payload.subarray(PREFIX_BYTES, PREFIX_BYTES + expected.length).toString("hex")}…, not ${expected.toString("hex")}…`,
      );
    }
    answer.bytes += payload.length;
  }

  function onHeaders(stream: number, flags: number, at: number): void {
    if ((flags & END_STREAM) === 0) return;
    const answer = calls.get(stream);
    if (!answer || answer.bytes <= PREFIX_BYTES) throw new Error(`${path} answered a gRPC error`);
    calls.delete(stream);
    onAnswer(answer.call, at, answer.bytes);
  }

  function onSettings(flags: number, payload: Buffer): void {
    if (flags & ACK) return;
    for (let i = 0; i + 6 <= payload.length; i += 6) {
      if (payload.readUInt16BE(i) === MAX_CONCURRENT_STREAMS) maxStreams = payload.readUInt32BE(i + 2);
    }
    socket.write(frame(SETTINGS, ACK, 0, Buffer.alloc(0)));
  }

  function onFrame(type: number, flags: number, stream: number, payload: Buffer, at: number): void {
    if (type === DATA) onData(stream, payload);
    else if (type === HEADERS) onHeaders(stream, flags, at);
    else if (type === WINDOW_UPDATE && stream === 0) window += payload.readUInt32BE(0);
    else if (type === SETTINGS) onSettings(flags, payload);
    else if (type === PING && (flags & ACK) === 0) socket.write(frame(PING, ACK, 0, payload));
    else if (type === RST_STREAM || type === GOAWAY) throw new Error(`${path}: the server sent frame type ${type}`);
  }

  socket.on("data", (chunk: Buffer) => {
    const at = performance.now();
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    let start = 0;
    socket.cork();
    while (bytes.length - start >= HEAD_BYTES) {
      const end = start + HEAD_BYTES + bytes.readUIntBE(start, 3);
      if (end > bytes.length) break;
      const stream = bytes.readUInt32BE(start + 5);
      onFrame(
        bytes.readUInt8(start + 3),
        bytes.readUInt8(start + 4),
        stream,
        bytes.subarray(start + HEAD_BYTES, end),
        at,
      );
      start = end;
    }
    rest = bytes.subarray(start);
    pump();
    socket.uncork();
  });
  socket.on("close", () => {
    if (calls.size + waiting.length > 0) throw new Error(`${path}: the server closed the connection during a call`);
  });
  socket.write(greeting());
  return {
    send(call, message) {
      waiting.push({ call, frame: message });
      pump();
    },
    close: () => socket.destroy(),
  };
}

async function open(address: string, tls: TlsFiles | undefined): Promise<Socket> {
  const [host = "", port = ""] = address.split(":");
  const target = { host, port: Number(port), noDelay: true };
  if (tls === undefined) {
    const socket = connect(target);
    await once(socket, "connect");
    return socket;
  }
  const [ca, cert, key] = [tls.ca, tls.cert, tls.key].map((path) => readFileSync(path));
  const socket = connectTls({ ...target, ca, cert, key, ALPNProtocols: ["h2"] });
  await once(socket, "secureConnect");
  return socket;
}
