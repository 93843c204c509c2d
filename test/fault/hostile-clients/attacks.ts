import { gzipSync } from "node:zlib";
import {
  DATA,
  END_HEADERS,
  END_STREAM,
  frame,
  GOAWAY,
  HEADERS,
  PING,
  RST_STREAM,
  requestHeaders,
  WINDOW_UPDATE,
} from "../../../bench/client/http2-frames.ts";
import { IssueTokenRequest, VerifyTokenRequest } from "../../../src/gen/signet/v1/token.ts";
import { CONTINUATION, greet, head, header, message, numberFrame, PRIORITY } from "../../support/http2/frames.ts";

/** What a hostile client sends on each of its connections. It connects again when it is cut. */
export interface Attack {
  readonly connections: number;
  /** Whether it reads what the server sends; otherwise the server can write no more than the kernel takes. */
  readonly reads: boolean;
  readonly greeting: Buffer;
  /** The bytes of step 0, 1, 2, … of a connection; undefined: it sends no more, and stays. */
  step(number: number): Buffer | undefined;
  /** Milliseconds between two steps; 0: as fast as the server takes them. */
  readonly pauseMs?: number;
  /** Whether its bytes go into the bare socket of a listener with TLS. */
  readonly isBelowTls?: boolean;
  /** The event of its socket at which it leaves, and connects again. */
  readonly leavesOn?: "data" | "secureConnect";
}

const NOTHING = Buffer.alloc(0);
const MEBIBYTE = 1_048_576;
const STREAMS = 1000;
const ISSUE = "/signet.v1.TokenService/IssueToken";
const VERIFY = "/signet.v1.TokenService/VerifyToken";
const PROFILES = "/signet.v1.ProfileService/ListProfiles";
const REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const HEALTH_WATCH = "/grpc.health.v1.Health/Watch";
const GZIP = header("grpc-encoding", "gzip");

const ISSUE_REQUEST = message(
  Buffer.from(
    IssueTokenRequest.encode(
      IssueTokenRequest.fromPartial({ profile: "service", subject: "eve", audience: ["api"] }),
    ).finish(),
  ),
);
const VERIFY_REQUEST = message(
  Buffer.from(
    VerifyTokenRequest.encode(
      VerifyTokenRequest.fromPartial({ profile: "service", credential: { $case: "token", value: "x" } }),
    ).finish(),
  ),
);
/** `file_containing_symbol: "signet.v1.TokenService"`: the answer has some ten thousand bytes. */
const SYMBOL = Buffer.from("signet.v1.TokenService");
const REFLECTION_REQUEST = message(Buffer.concat([Buffer.from([0x22, SYMBOL.length]), SYMBOL]));
const BOMB = gzipSync(Buffer.alloc(MEBIBYTE - 1024));
const LARGE_BOMB = gzipSync(Buffer.alloc(50 * MEBIBYTE));

/** The client's stream of a step. */
const idOf = (step: number) => 2 * step + 1;

function data(stream: number, payload: Buffer, flags = 0): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at === 0 || at < payload.length; at += 16_384) {
    const isLast = at + 16_384 >= payload.length;
    frames.push(frame(DATA, isLast ? flags : 0, stream, payload.subarray(at, at + 16_384)));
  }
  return Buffer.concat(frames);
}

function call(stream: number, path: string, request: Buffer, more?: Buffer): Buffer {
  return Buffer.concat([head(stream, path, more), data(stream, request, END_STREAM)]);
}

/** The bytes of each of the first `count` steps. */
function upTo(count: number, bytes: (step: number) => Buffer): (step: number) => Buffer | undefined {
  return (step) => (step < count ? bytes(step) : undefined);
}

/** First the opening bytes, then the same ones again and again. */
function openThen(opening: Buffer, repeated: Buffer): (step: number) => Buffer {
  return (step) => (step === 0 ? opening : repeated);
}

function repeat(times: number, bytes: Buffer): Buffer {
  return Buffer.concat(Array.from({ length: times }, () => bytes));
}

const PLAIN = { connections: 20, reads: true, greeting: greet() } as const;
const WINDOW_0 = { ...PLAIN, greeting: greet(0) } as const;

export const ATTACKS = {
  "reflection answers that are never read": {
    ...WINDOW_0,
    connections: 1,
    step: openThen(head(1, REFLECTION), data(1, repeat(100, REFLECTION_REQUEST))),
  },
  "60 000 silent streams": { ...PLAIN, connections: 60, step: upTo(STREAMS, (step) => head(idOf(step), ISSUE)) },
  "40 000 unread answers": {
    ...WINDOW_0,
    connections: 40,
    step: upTo(STREAMS, (step) => call(idOf(step), PROFILES, message())),
  },
  "window updates by one byte": {
    ...PLAIN,
    greeting: greet(1),
    step: (step: number) =>
      step < 100
        ? call(idOf(step), PROFILES, message())
        : Buffer.concat(Array.from({ length: 100 }, (_, at) => numberFrame(WINDOW_UPDATE, idOf(at), 1))),
  },
  "rapid reset": {
    ...PLAIN,
    step: (step: number) =>
      Buffer.concat([call(idOf(step), VERIFY, VERIFY_REQUEST), numberFrame(RST_STREAM, idOf(step), 8)]),
  },
  "reset with a body": {
    ...PLAIN,
    step: (step: number) =>
      Buffer.concat([
        head(idOf(step), ISSUE),
        data(idOf(step), ISSUE_REQUEST.subarray(0, -1)),
        numberFrame(RST_STREAM, idOf(step), 8),
      ]),
  },
  "a CONTINUATION flood": {
    ...PLAIN,
    step: openThen(head(1, ISSUE, NOTHING, 0), repeat(100, frame(CONTINUATION, 0, 1, header("x", "y".repeat(100))))),
  },
  "empty CONTINUATION frames": {
    ...PLAIN,
    step: openThen(head(1, ISSUE, NOTHING, 0), repeat(100, frame(CONTINUATION, 0, 1, NOTHING))),
  },
  "a PING flood": { ...PLAIN, step: () => repeat(100, frame(PING, 0, 0, Buffer.alloc(8))) },
  "a PING flood whose answers are not read": {
    ...PLAIN,
    reads: false,
    step: () => repeat(100, frame(PING, 0, 0, Buffer.alloc(8))),
  },
  "a SETTINGS flood": { ...PLAIN, step: () => repeat(100, greet(1000).subarray(24)) },
  "a SETTINGS flood whose answers are not read": {
    ...PLAIN,
    reads: false,
    step: () => repeat(100, greet(1000).subarray(24)),
  },
  "a PRIORITY flood": {
    ...PLAIN,
    step: (step: number) =>
      Buffer.concat(Array.from({ length: 100 }, (_, at) => frame(PRIORITY, 0, idOf(100 * step + at), Buffer.alloc(5)))),
  },
  "empty DATA frames": { ...PLAIN, step: openThen(head(1, ISSUE), repeat(100, frame(DATA, 0, 1, NOTHING))) },
  "streams without end": { ...PLAIN, step: (step: number) => head(idOf(step), ISSUE) },
  "streams without end whose resets are not read": {
    ...PLAIN,
    reads: false,
    step: (step: number) => head(idOf(step), ISSUE),
  },
  "answers without a message that are not read": {
    ...PLAIN,
    reads: false,
    step: (step: number) => call(idOf(step), "/none", NOTHING),
  },
  "an HPACK bomb": {
    ...PLAIN,
    step: (step: number) => {
      const entry = Buffer.concat([
        Buffer.from([0x40, 1]),
        Buffer.from("a"),
        Buffer.from([0x7f, 0xa1, 0x1e]),
        Buffer.alloc(4000, 98),
      ]);
      const references = Buffer.alloc(12_000, 0x80 | 62);
      const block = Buffer.concat([requestHeaders("localhost", ISSUE), entry, references]);
      return frame(HEADERS, END_HEADERS, idOf(step), block);
    },
  },
  "huge headers": {
    ...PLAIN,
    step: (step: number) => {
      const large = Buffer.concat(Array.from({ length: 120 }, (_, at) => header(`x${at}`, "y".repeat(100))));
      const fill = frame(
        CONTINUATION,
        0,
        idOf(step),
        Buffer.concat(Array.from({ length: 120 }, () => header("z", "y".repeat(100)))),
      );
      return Buffer.concat([
        head(idOf(step), ISSUE, large, 0),
        repeat(3, fill),
        frame(CONTINUATION, END_HEADERS, idOf(step), NOTHING),
      ]);
    },
  },
  "slow headers": {
    ...PLAIN,
    connections: 1500,
    pauseMs: 500,
    step: openThen(head(1, ISSUE, NOTHING, 0), frame(CONTINUATION, 0, 1, header("x", "y"))),
  },
  "half-open sockets": { ...PLAIN, connections: 1500, greeting: greet().subarray(0, 10), step: () => undefined },
  "idle sockets": { ...PLAIN, connections: 1500, step: () => undefined },
  "a silent stream on each socket": { ...PLAIN, connections: 1500, step: upTo(4, (step) => head(idOf(step), ISSUE)) },
  "reflection streams": {
    ...WINDOW_0,
    step: upTo(STREAMS, (step) => Buffer.concat([head(idOf(step), REFLECTION), data(idOf(step), REFLECTION_REQUEST)])),
  },
  "health streams": { ...WINDOW_0, step: upTo(STREAMS, (step) => call(idOf(step), HEALTH_WATCH, message())) },
  "messages that are too large": {
    ...PLAIN,
    step: (step: number) =>
      Buffer.concat([head(idOf(step), ISSUE), data(idOf(step), message(Buffer.alloc(60_000), { length: 2 ** 31 }))]),
  },
  "messages that stay unfinished": {
    ...PLAIN,
    // Only what the first windows take: the flow control of a client that knows it has no more to send.
    step: upTo(STREAMS, (step) =>
      Buffer.concat([
        head(idOf(step), ISSUE),
        data(idOf(step), message(Buffer.alloc(60_000), { length: MEBIBYTE - 5 })),
      ]),
    ),
  },
  "a byte of each read": {
    ...PLAIN,
    // Node slices DATA from the 64 KiB that it has read from the socket; a slice keeps all of it alive.
    step: upTo(STREAMS, (step) =>
      Buffer.concat([
        head(idOf(step), ISSUE),
        data(idOf(step), message(Buffer.alloc(1), { length: MEBIBYTE - 5 })),
        repeat(4, frame(0xee, 0, 0, Buffer.alloc(16_000))),
      ]),
    ),
  },
  "thousands of messages in each stream": {
    ...PLAIN,
    step: upTo(STREAMS, (step) =>
      Buffer.concat([head(idOf(step), REFLECTION), data(idOf(step), repeat(12_000, message()))]),
    ),
  },
  "compressed bombs": {
    ...PLAIN,
    step: (step: number) => call(idOf(step), ISSUE, message(BOMB, { compressed: true }), GZIP),
  },
  "compressed bombs, sixty to a stream": {
    ...WINDOW_0,
    step: (step: number) =>
      Buffer.concat([
        head(idOf(step), REFLECTION, GZIP),
        data(idOf(step), repeat(55, message(BOMB, { compressed: true }))),
      ]),
  },
  "compressed bombs that are reset": {
    ...PLAIN,
    step: (step: number) =>
      Buffer.concat([
        head(idOf(step), ISSUE, GZIP),
        data(idOf(step), message(BOMB, { compressed: true })),
        numberFrame(RST_STREAM, idOf(step), 0),
      ]),
  },
  "large compressed bombs": {
    ...PLAIN,
    step: (step: number) =>
      call(idOf(step), ISSUE, message(LARGE_BOMB, { compressed: true }).subarray(0, 60_000), GZIP),
  },
  "trailers that never come": {
    ...PLAIN,
    step: (step: number) => Buffer.concat([head(idOf(step), ISSUE), data(idOf(step), ISSUE_REQUEST)]),
  },
  "GOAWAY in a loop": { ...PLAIN, step: () => repeat(100, frame(GOAWAY, 0, 0, Buffer.alloc(8))) },
} as const satisfies Readonly<Record<string, Attack>>;
