import type { Http2Server, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { performance } from "node:perf_hooks";
import { Server as TlsServer } from "node:tls";
import type { Server } from "@grpc/grpc-js";
import { boundHandshakes, type Handshakes } from "../../tls/handshakes.ts";
import { http2ServersOf, onSession, wrapStreams } from "../process/http2-servers.ts";
import { CallStorm } from "./call-storm.ts";
import { CallTurns } from "./call-turns.ts";
import { Connection, type OpenCall } from "./connection.ts";
import { boundDeadline } from "./deadline.ts";
import { cut, endAtAge, endClosed } from "./ending.ts";
import { highest, leastMissed, oldestCallOfHighestUsage } from "./giving-way.ts";
import { HeldBytes } from "./held-bytes.ts";
import type { ConnectionLimits, Limit } from "./limits.ts";
import { LoopTurns } from "./loop-turns.ts";
import { MessageMeter } from "./message-meter.ts";
import type { ConnectionProofs } from "./proofs.ts";
import { type Refusal, refusalOf } from "./refusal.ts";
import { keepEveryAuthorization } from "./repeated-authorization.ts";

/** How often connections are looked at, in milliseconds. */
const LOOK_MS = 250;
/** How often connections are read that Node may have forgotten, in milliseconds. */
const READ_MS = 1_000;

/** After how many calls they are looked at as well. */
const CALLS_PER_LOOK = 256;

export interface Load {
  readonly connections: number;
  readonly openCalls: number;
}

/**
 * Bounds what the clients of a bound server take, whichever service they call: our own, a library's, or none. When
 * places are scarce the client that takes most gives way, so that one client can't shut out the others:
 *
 * - A connection too many replaces the one that has had no call for the longest time.
 * - A call too many is refused, or replaces the oldest call of the connection with the highest usage.
 * - A connection whose client does not read its answers is cut; so is the one for which most is held, when too much is
 *   held for all. A compressed message that might inflate to too much is refused.
 *
 * Every call that does not stream has a deadline: a client that never finishes its request, or that has gone, would
 * hold its place.
 *
 * It also ends connections at their age, or when the proof of their client ends. grpc-js sets an unref'ed timer with a
 * random duration for the age of each of them, and Node keeps the list of such a duration until it is over, even if
 * its timer was cleared.
 */
export class ConnectionGuard {
  readonly #limits: ConnectionLimits;
  readonly #proofs: ConnectionProofs;
  readonly #onLimit: (limit: Limit) => void;
  readonly #connections = new Map<unknown, Connection>();
  readonly #storm: CallStorm;
  readonly #loop = new LoopTurns();
  readonly #turns = new CallTurns();
  readonly #held: HeldBytes;
  readonly #refuse: Refusal;
  readonly #refuseToInflate: Refusal;
  readonly #timers: readonly NodeJS.Timeout[];
  readonly #handshakes: Handshakes[] = [];
  #draining = false;
  #openCalls = 0;
  #callsSinceLook = 0;

  /** `streams` has the paths of the methods that stream. */
  constructor(
    server: Server,
    limits: ConnectionLimits,
    proofs: ConnectionProofs,
    streams: ReadonlySet<string>,
    onLimit: (limit: Limit) => void,
  ) {
    const http2Servers = http2ServersOf(server);
    if (http2Servers === undefined) throw new Error("grpc-js hides its HTTP/2 servers: connections can't be bounded");
    this.#limits = limits;
    this.#proofs = proofs;
    this.#onLimit = onLimit;
    this.#held = new HeldBytes(limits.maxBufferedBytes);
    this.#storm = new CallStorm(limits.maxOpenCalls, this.#loop);
    this.#refuse = refusalOf(`the server has ${limits.maxOpenCalls} calls open, its maximum (grpc.max_open_calls)`);
    this.#refuseToInflate = refusalOf(
      "the server inflates as much as it may hold (grpc.max_buffered_bytes): send less at once, or uncompressed",
    );
    for (const http2Server of http2Servers) this.#guard(http2Server, streams);
    const look = () => {
      this.#held.tick();
      this.#look(now());
    };
    const read = () => {
      for (const connection of this.#connections.values()) this.#turns.keepReading(connection);
    };
    this.#timers = [setInterval(look, LOOK_MS).unref(), setInterval(read, READ_MS).unref()];
  }

  get load(): Load {
    return { connections: this.#connections.size, openCalls: this.#openCalls };
  }

  /**
   * The server stops: open calls may end. Clients that have not connected yet are cut, because it would wait for them.
   */
  drain(): void {
    this.#draining = true;
    for (const handshakes of this.#handshakes) handshakes.end();
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  #guard(http2Server: Http2Server, streams: ReadonlySet<string>): void {
    if (http2Server instanceof TlsServer) this.#guardHandshakes(http2Server);
    onSession(http2Server, (session, socket) => this.#openConnection(session, socket, now()));
    wrapStreams(http2Server, (serve) => (stream, headers, flags, raw) => {
      // An error of its connection reaches each stream, and would end the process.
      stream.on("error", () => {});
      const call = this.#openCall(stream, raw, now());
      if (call === undefined) return;
      this.#turns.take(call.connection, () => {
        if (stream.destroyed) return;
        keepEveryAuthorization(headers, raw);
        boundDeadline(headers, streams.has(headers[":path"] ?? "") ? undefined : this.#limits.maxDeadlineMs);
        this.#proofs.mark(headers, call.connection.proven);
        stream.on("data", (chunk: Buffer) => this.#addRequestBytes(call, chunk.buffer, call.meter.costOf(chunk)));
        serve(stream, headers, flags, raw);
      });
    });
  }

  #guardHandshakes(server: TlsServer): void {
    const onLimit = () => this.#onLimit("grpc.max_connections");
    this.#handshakes.push(boundHandshakes(server, this.#limits.maxConnections, onLimit));
    // Node would answer a client that does not speak HTTP/2, and leave it ten seconds to read that.
    server.on("unknownProtocol", (socket: Socket) => socket.destroy());
  }

  #openConnection(session: ServerHttp2Session, socket: Socket, at: number): void {
    const { maxConnections, maxConnectionAgeMs } = this.#limits;
    const endsAt = at + maxConnectionAgeMs * (0.9 + Math.random() / 5);
    const newcomer = new Connection(session, socket, this.#proofs.open(socket), at, endsAt);
    const others = [...this.#connections.values()];
    this.#connections.set(session, newcomer);
    session.once("close", () => this.#forget(newcomer));
    this.#turns.enter(newcomer);
    if (others.length >= maxConnections) this.#cut(leastMissed(others, at) ?? newcomer, "grpc.max_connections");
  }

  /** Returns undefined when the stream was refused. */
  #openCall(stream: ServerHttp2Stream, headers: readonly string[], at: number): OpenCall | undefined {
    this.#callsSinceLook += 1;
    if (this.#callsSinceLook === CALLS_PER_LOOK) this.#look(at);
    const connection = this.#connections.get(stream.session);
    // It has just been cut.
    if (connection === undefined) return undefined;
    connection.countInTurn(this.#loop.current);
    if (this.#storm.isDrivenBy(connection, this.#openCalls)) {
      this.#cut(connection, "grpc.max_open_calls");
      return undefined;
    }
    if (this.#openCalls >= this.#limits.maxOpenCalls) {
      this.#onLimit("grpc.max_open_calls");
      const replaced = oldestCallOfHighestUsage(this.#connections.values(), connection, at);
      this.#refuse(replaced?.stream ?? stream);
      if (replaced !== undefined) this.#closeCall(replaced, true);
      else {
        this.#storm.countGone();
        // Its connection waits as for a call that begins.
        this.#turns.take(connection, () => {});
        return undefined;
      }
    }
    const call = connection.open(stream, new MessageMeter(this.#limits.maxMessageBytes), bytesOf(headers), at);
    this.#openCalls += 1;
    this.#held.requests += call.headerBytes;
    stream.on("close", () => this.#closeCall(call, stream.aborted));
    this.#fitBuffers();
    return call;
  }

  #closeCall(call: OpenCall, isAborted: boolean): void {
    if (call.place === -1) return;
    const bytes = call.connection.close(call, now());
    this.#openCalls -= 1;
    this.#storm.countGone();
    this.#held.requests -= bytes;
    if (isAborted) this.#held.leave(bytes - call.headerBytes);
  }

  /** Sees the bytes before grpc-js does, which inflates all messages at once. */
  #addRequestBytes(call: OpenCall, read: ArrayBufferLike, bytes: number): void {
    if (call.place === -1) return;
    const mayInflate = this.#held.mayInflate(bytes, read);
    if (mayInflate === "never") this.#cut(call.connection, "grpc.max_buffered_bytes");
    else if (mayInflate === "not now") {
      this.#onLimit("grpc.max_buffered_bytes");
      this.#refuseToInflate(call.stream);
      this.#closeCall(call, true);
    } else {
      call.connection.addRequestBytes(call, bytes);
      this.#held.requests += bytes;
      if (call.meter.isUnfinished) this.#held.requests += call.connection.pinRead(call, read);
      else this.#held.requests -= call.connection.unpinReads(call);
      this.#fitBuffers();
    }
  }

  #look(at: number): void {
    const { maxUnreadBytes, ageGraceMs } = this.#limits;
    this.#callsSinceLook = 0;
    this.#held.queued = 0;
    for (const connection of this.#connections.values()) {
      if (!connection.isEnding && this.#proofs.hasEnded(connection.proven)) connection.endsAt = at;
      if (!connection.isEnding && !this.#draining && connection.session.closed) endClosed(connection, at);
      if (at >= connection.endsAt) endAtAge(connection, at, ageGraceMs);
      const isBehind = connection.look(at, maxUnreadBytes);
      this.#held.queued += connection.queuedBytes;
      if (isBehind) this.#cut(connection, "grpc.max_unread_bytes");
    }
    this.#fitBuffers();
  }

  #fitBuffers(): void {
    while (this.#held.isTooMuchQueued) if (!this.#cutHighest(({ queuedBytes }) => queuedBytes)) return;
    while (this.#held.isTooMuch) if (!this.#cutHighest(({ heldBytes }) => heldBytes)) return;
  }

  #cutHighest(held: (connection: Connection) => number): boolean {
    const connection = highest(this.#connections.values(), held);
    if (connection !== undefined) this.#cut(connection, "grpc.max_buffered_bytes");
    return connection !== undefined;
  }

  #cut(connection: Connection, limit: Limit): void {
    this.#onLimit(limit);
    this.#forget(connection);
    cut(connection, limit);
  }

  /** Its places are free at once, although its socket takes a moment to close. */
  #forget(connection: Connection): void {
    if (!this.#connections.delete(connection.session)) return;
    this.#proofs.close(connection.proven);
    this.#turns.leave(connection);
    this.#held.queued -= connection.queuedBytes;
    for (const call of [...connection.calls]) this.#closeCall(call, true);
  }
}

/** Nearly all headers are ASCII. */
function bytesOf(headers: readonly string[]): number {
  return headers.reduce((bytes, text) => bytes + text.length, 0);
}

function now(): number {
  return Math.trunc(performance.now());
}
