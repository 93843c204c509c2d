import {
  constants,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import { performance } from "node:perf_hooks";
import type { Server } from "@grpc/grpc-js";
import { http2ServersOf } from "../process/http2-servers.ts";
import { Connection, type OpenCall } from "./connection.ts";
import { INFLATER_BYTES, MessageMeter } from "./message-meter.ts";
import { type Refusal, refusalOf } from "./refusal.ts";

/** What clients may take of the server, over all its listeners. */
export interface ConnectionLimits {
  readonly maxConnections: number;
  /** Calls and streams, whether a handler has seen them or not. */
  readonly maxOpenCalls: number;
  /** Answers that the client of one connection has not read, in bytes. */
  readonly maxUnreadBytes: number;
  /** Requests and answers that the process holds for all connections, in bytes. */
  readonly maxBufferedBytes: number;
  readonly maxMessageBytes: number;
  /** How long a connection lives; each one up to a tenth shorter or longer. */
  readonly maxConnectionAgeMs: number;
  /** How long the calls of a connection may then take to end. */
  readonly ageGraceMs: number;
}

/** The configuration key of a limit. */
export type Limit =
  | "grpc.max_connections"
  | "grpc.max_open_calls"
  | "grpc.max_unread_bytes"
  | "grpc.max_buffered_bytes";

/** How often connections are looked at, in milliseconds. */
const LOOK_MS = 250;

/** After how many calls of one turn of the event loop connections are looked at. */
const CALLS_PER_LOOK = 256;
/** How many times the calls that may be open are a storm of calls. */
const STORM = 1.25;
/** How many calls a connection may open in a turn with such a storm. */
const CALLS_IN_STORM = 32;

/** In a GOAWAY: no stream is refused yet. */
const LAST_STREAM = 2 ** 31 - 1;

export interface Load {
  readonly connections: number;
  readonly openCalls: number;
}

type OnStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, ...rest: unknown[]) => void;

/**
 * Bounds what the clients of a bound server take, whichever service they call: our own, a library's, or none. When
 * places are scarce the client that takes most gives way, so that one client can't shut out the others:
 *
 * - A connection too many replaces the one that has had no call for the longest time.
 * - A call too many is refused, or replaces the oldest call of the connection with the highest usage.
 * - A connection whose client does not read its answers is cut; so is the one for which most is held, when too much is
 *   held for all. A compressed message that might inflate to too much is refused.
 *
 * It also ends connections at their age: grpc-js sets an unref'ed timer with a random duration for each of them, and
 * Node keeps the list of such a duration until it is over, even if its timer was cleared.
 */
export class ConnectionGuard {
  readonly #limits: ConnectionLimits;
  readonly #onLimit: (limit: Limit) => void;
  readonly #connections = new Map<unknown, Connection>();
  readonly #refuse: Refusal;
  readonly #refuseToInflate: Refusal;
  readonly #timer: NodeJS.Timeout;
  #openCalls = 0;
  /** Libuv's number of the turn of the event loop that was looked at last. */
  #turn = 0;
  /** The calls that were closed or refused in this turn. */
  #goneInTurn = 0;
  #sinceLook = 0;
  /** The sums over all connections. */
  #requestBytes = 0;
  #queuedBytes = 0;
  /**
   * Requests of calls that were aborted: what inflates them goes on, for a moment. An eighth is forgotten with each
   * look.
   */
  #leavingBytes = 0;

  constructor(server: Server, limits: ConnectionLimits, onLimit: (limit: Limit) => void) {
    const http2Servers = http2ServersOf(server);
    if (http2Servers === undefined) throw new Error("grpc-js hides its HTTP/2 servers: connections can't be bounded");
    this.#limits = limits;
    this.#onLimit = onLimit;
    this.#refuse = refusalOf(`the server has ${limits.maxOpenCalls} calls open, its maximum (grpc.max_open_calls)`);
    this.#refuseToInflate = refusalOf(
      "the server inflates as much as it may hold (grpc.max_buffered_bytes): send less at once, or uncompressed",
    );
    for (const http2Server of http2Servers) this.#guard(http2Server);
    this.#timer = setInterval(() => this.#look(now()), LOOK_MS).unref();
  }

  get load(): Load {
    return { connections: this.#connections.size, openCalls: this.#openCalls };
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #guard(http2Server: Http2Server): void {
    let accepted: Socket | undefined;
    // Node emits the session of a socket before it accepts the next one.
    http2Server.prependListener("connection", (socket: Socket) => {
      accepted = socket;
    });
    http2Server.on("session", (session: ServerHttp2Session) => {
      if (accepted !== undefined) this.#openConnection(session, accepted, now());
    });
    const [serve] = http2Server.listeners("stream") as OnStream[];
    if (serve === undefined) throw new Error("grpc-js does not listen for streams: calls can't be bounded");
    http2Server.removeAllListeners("stream");
    http2Server.on("stream", (stream: ServerHttp2Stream, ...rest) => {
      if (this.#openCall(stream, now())) serve(stream, ...rest);
      // An error of its connection reaches each stream, and would end the process.
      else stream.on("error", () => {});
    });
  }

  #openConnection(session: ServerHttp2Session, socket: Socket, at: number): void {
    const { maxConnections, maxConnectionAgeMs } = this.#limits;
    const newcomer = new Connection(session, socket, at, at + maxConnectionAgeMs * (0.9 + Math.random() / 5));
    const others = [...this.#connections.values()];
    this.#connections.set(session, newcomer);
    session.once("close", () => this.#forget(newcomer));
    if (others.length >= maxConnections) this.#cut(leastMissed(others, at) ?? newcomer, "grpc.max_connections");
  }

  /** Returns false when the stream was refused. */
  #openCall(stream: ServerHttp2Stream, at: number): boolean {
    const isStorm = this.#isStorm(at);
    const connection = this.#connections.get(stream.session);
    // It has just been cut.
    if (connection === undefined) return false;
    if (isStorm && connection.countInTurn(this.#turn) > CALLS_IN_STORM) {
      this.#cut(connection, "grpc.max_open_calls");
      return false;
    }
    if (this.#openCalls >= this.#limits.maxOpenCalls) {
      this.#onLimit("grpc.max_open_calls");
      const replaced = oldestCallOfHighestUsage(this.#connections.values(), connection, at);
      this.#refuse(replaced?.stream ?? stream);
      if (replaced !== undefined) this.#closeCall(replaced, true);
      else {
        this.#goneInTurn += 1;
        return false;
      }
    }
    const meter = new MessageMeter(this.#limits.maxMessageBytes);
    const call: OpenCall = { connection, stream, openedAt: at, meter, requestBytes: 0, isLong: false, place: -1 };
    connection.open(call);
    this.#openCalls += 1;
    stream.on("data", (chunk: Buffer) =>
      this.#addRequestBytes(call, chunk.buffer.byteLength, call.meter.costOf(chunk)),
    );
    stream.on("close", () => this.#closeCall(call, stream.aborted));
    return true;
  }

  /**
   * Whether this turn of the event loop holds far more calls than may be open. Node frees the streams of a turn at its
   * end, also those that were refused or reset: a connection that goes on opening calls in such a turn is cut, after
   * which the rest of what it sent costs little.
   */
  #isStorm(at: number): boolean {
    this.#sinceLook += 1;
    const isStorm = this.#openCalls + this.#goneInTurn > STORM * this.#limits.maxOpenCalls;
    if (!isStorm && this.#sinceLook < CALLS_PER_LOOK) return false;
    const { loopCount } = performance.nodeTiming.uvMetricsInfo;
    const isSameTurn = loopCount === this.#turn;
    this.#turn = loopCount;
    if (!isSameTurn) this.#goneInTurn = 0;
    if (isSameTurn && this.#sinceLook >= CALLS_PER_LOOK) this.#look(at);
    if (this.#sinceLook >= CALLS_PER_LOOK) this.#sinceLook = 0;
    return isStorm && isSameTurn;
  }

  #closeCall(call: OpenCall, isAborted: boolean): void {
    if (call.place === -1) return;
    call.connection.close(call, now());
    this.#openCalls -= 1;
    this.#goneInTurn += 1;
    this.#requestBytes -= call.requestBytes;
    if (isAborted) this.#leavingBytes += call.requestBytes;
  }

  /** Sees the bytes before grpc-js does, which inflates all messages at once. */
  #addRequestBytes(call: OpenCall, readBytes: number, bytes: number): void {
    if (call.place === -1) return;
    const inflates = bytes > readBytes + INFLATER_BYTES;
    // A client that aborts such calls again and again would not be slowed by refusals.
    if (inflates && this.#leavingBytes + bytes > this.#limits.maxBufferedBytes)
      this.#cut(call.connection, "grpc.max_buffered_bytes");
    else if (inflates && this.#requestBytes + this.#leavingBytes + bytes > this.#limits.maxBufferedBytes) {
      this.#onLimit("grpc.max_buffered_bytes");
      this.#refuseToInflate(call.stream);
      this.#closeCall(call, true);
    } else {
      call.connection.addRequestBytes(call, bytes);
      this.#requestBytes += bytes;
      this.#fitBuffers();
    }
  }

  #look(at: number): void {
    const { maxUnreadBytes } = this.#limits;
    this.#queuedBytes = 0;
    this.#leavingBytes = Math.trunc((this.#leavingBytes * 7) / 8);
    for (const connection of this.#connections.values()) {
      if (at >= connection.endsAt) this.#end(connection, at);
      const isBehind = connection.look(at, maxUnreadBytes);
      this.#queuedBytes += connection.queuedBytes;
      if (isBehind) this.#cut(connection, "grpc.max_unread_bytes");
    }
    this.#fitBuffers();
  }

  #fitBuffers(): void {
    while (this.#requestBytes + this.#queuedBytes > this.#limits.maxBufferedBytes) {
      const largest = highest(this.#connections.values(), ({ heldBytes }) => heldBytes);
      if (largest === undefined) return;
      this.#cut(largest, "grpc.max_buffered_bytes");
    }
  }

  /** Tells the client to connect again for further calls; a client that is still there after the grace is cut. */
  #end(connection: Connection, at: number): void {
    const { session } = connection;
    if (connection.isEnding || session.destroyed) {
      destroy(connection);
      return;
    }
    connection.isEnding = true;
    connection.endsAt = at + this.#limits.ageGraceMs;
    session.goaway(constants.NGHTTP2_NO_ERROR, LAST_STREAM, Buffer.from("max_age"));
    session.close();
  }

  #cut(connection: Connection, limit: Limit): void {
    this.#onLimit(limit);
    this.#forget(connection);
    // A client whose place was needed has done nothing wrong, and connects again at once.
    const isCalm = limit === "grpc.max_connections";
    const code = isCalm ? constants.NGHTTP2_NO_ERROR : constants.NGHTTP2_ENHANCE_YOUR_CALM;
    if (!connection.session.destroyed) connection.session.goaway(code);
    destroy(connection);
  }

  /** Its places are free at once, although its socket takes a moment to close. */
  #forget(connection: Connection): void {
    if (!this.#connections.delete(connection.session)) return;
    this.#queuedBytes -= connection.queuedBytes;
    for (const call of [...connection.calls]) this.#closeCall(call, true);
  }
}

/**
 * Ends a connection, whatever its client does. Node ends only the session: it waits until the client has read what was
 * written, and after an orderly close until the client closes the socket.
 */
function destroy({ session, socket }: Connection): void {
  session.destroy();
  // Not in this turn, in which the GOAWAY is written.
  setImmediate(() => socket.destroy());
}

/** The connection without a call for the longest time; else the one of the highest usage, if its calls stay open. */
function leastMissed(connections: readonly Connection[], at: number): Connection | undefined {
  const idle = connections.filter(({ calls }) => calls.length === 0);
  return (
    highest(idle, ({ idleSince }) => at - idleSince) ?? highest(connections, (connection) => connection.usage(at), 1)
  );
}

/** The call that makes room for one more of `asking`; undefined when no connection takes far more than that one. */
function oldestCallOfHighestUsage(
  connections: Iterable<Connection>,
  asking: Connection,
  at: number,
): OpenCall | undefined {
  return highest(connections, (connection) => connection.usage(at), 2 * asking.usage(at))?.oldestCall();
}

/** The item with the highest value above `floor`. */
function highest<Item>(items: Iterable<Item>, rank: (item: Item) => number, floor = -1): Item | undefined {
  let [found, value]: [Item | undefined, number] = [undefined, floor];
  for (const item of items) {
    const its = rank(item);
    if (its > value) [found, value] = [item, its];
  }
  return found;
}

function now(): number {
  return Math.trunc(performance.now());
}
