import type { ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import type { MessageMeter } from "./message-meter.ts";
import { PinnedReads } from "./pinned-reads.ts";
import type { ProvenConnection } from "./proofs.ts";

/** A call open for longer than this counts as one that holds its place, and not as one that is being served. */
const LONG_MS = 1_000;
/** What nghttp2 keeps for a frame that its client has not taken. */
const FRAME_BYTES = 256;

/** A stream of a connection, from its headers to its end. */
export interface OpenCall {
  readonly connection: Connection;
  readonly stream: ServerHttp2Stream;
  /** Milliseconds on the monotonic clock. */
  readonly openedAt: number;
  readonly meter: MessageMeter;
  /** Node holds the headers until the call ends: up to 150 KB of them as sent. */
  readonly headerBytes: number;
  /** What the process may hold for the request alone, in bytes, with its headers. */
  requestBytes: number;
  /** What was read from the socket and stays in memory because of the request, perhaps because of others too. */
  reads: Set<ArrayBufferLike> | undefined;
  isLong: boolean;
  /** When a look first found its answer ended. */
  answeredAt: number | undefined;
  /** Its place in `connection.calls`; -1 once it has been closed. */
  place: number;
}

/** Answers that a client has not read, as they were when this began to be more than the limit. */
interface Backlog {
  readonly since: number;
  readonly bytes: number;
  readonly written: number;
}

/** An HTTP/2 connection, its open calls, and what is held in memory for it. Times are monotonic, in milliseconds. */
export class Connection {
  readonly session: ServerHttp2Session;
  readonly socket: Socket;
  readonly proven: ProvenConnection;
  readonly calls: OpenCall[] = [];
  /** When it gets a GOAWAY, so that its client connects to a newer server; after that, when it is cut. */
  endsAt: number;
  isEnding = false;
  /** Since when it has had no call. */
  idleSince: number;
  /** What was found at the last look: unread answers and frames, and requests that no handler has read. */
  queuedBytes = 0;
  /** How many calls it has opened in the turn of the event loop of the last one. */
  callsInTurn = 0;
  #requestBytes = 0;
  readonly #pinned = new PinnedReads();
  #backlog: Backlog | undefined;
  #long = 0;
  #shortOpenedAt = 0;
  #turn = -1;

  constructor(session: ServerHttp2Session, socket: Socket, proven: ProvenConnection, now: number, endsAt: number) {
    this.session = session;
    this.socket = socket;
    this.proven = proven;
    this.idleSince = now;
    this.endsAt = endsAt;
  }

  /** What the process holds for it, in bytes. */
  get heldBytes(): number {
    return this.#requestBytes + this.queuedBytes;
  }

  open(stream: ServerHttp2Stream, meter: MessageMeter, headerBytes: number, openedAt: number): OpenCall {
    const call: OpenCall = {
      connection: this,
      stream,
      openedAt,
      meter,
      headerBytes,
      requestBytes: headerBytes,
      reads: undefined,
      isLong: false,
      answeredAt: undefined,
      place: this.calls.length,
    };
    this.calls.push(call);
    this.#requestBytes += headerBytes;
    this.#shortOpenedAt += openedAt;
    return call;
  }

  /** Returns the bytes that are no longer held for its request. */
  close(call: OpenCall, now: number): number {
    const last = this.calls.pop();
    if (last !== undefined && last !== call) {
      this.calls[call.place] = last;
      last.place = call.place;
    }
    call.place = -1;
    const bytes = call.requestBytes + this.unpinReads(call);
    this.#requestBytes -= call.requestBytes;
    if (call.isLong) this.#long -= 1;
    else this.#shortOpenedAt -= call.openedAt;
    if (this.calls.length === 0) this.idleSince = now;
    return bytes;
  }

  addRequestBytes(call: OpenCall, bytes: number): void {
    call.requestBytes += bytes;
    this.#requestBytes += bytes;
  }

  /** Counts what a call with an unfinished message keeps alive. Returns the bytes that are held from now on. */
  pinRead(call: OpenCall, read: ArrayBufferLike): number {
    if (call.reads?.has(read)) return 0;
    call.reads ??= new Set();
    call.reads.add(read);
    const bytes = this.#pinned.pin(read);
    this.#requestBytes += bytes;
    return bytes;
  }

  /** A finished message keeps no read alive. Returns the bytes that are no longer held. */
  unpinReads(call: OpenCall): number {
    if (call.reads === undefined) return 0;
    const bytes = this.#pinned.unpin(call.reads);
    call.reads = undefined;
    this.#requestBytes -= bytes;
    return bytes;
  }

  /**
   * How much of the server its calls take: their ages in seconds, of which each counts at most one. A busy client with
   * many short calls takes less than one that leaves a few of them open.
   */
  usage(now: number): number {
    const short = this.calls.length - this.#long;
    return this.#long + (short * now - this.#shortOpenedAt) / LONG_MS;
  }

  oldestCall(): OpenCall | undefined {
    const [first, ...others] = this.calls;
    return others.reduce((oldest, call) => (oldest && oldest.openedAt <= call.openedAt ? oldest : call), first);
  }

  /** Counts one more call of this turn of the event loop. */
  countInTurn(turn: number): void {
    this.callsInTurn = this.#turn === turn ? this.callsInTurn + 1 : 1;
    this.#turn = turn;
  }

  /** Counts what has piled up. Returns whether answers beyond `maxUnreadBytes` have waited for a second. */
  look(now: number, maxUnreadBytes: number): boolean {
    let unread = (this.session.state.outboundQueueSize ?? 0) * FRAME_BYTES;
    let unhandled = 0;
    for (const call of this.calls) {
      unread += call.stream.writableLength;
      unhandled += call.stream.readableLength;
      if (!call.isLong && now - call.openedAt >= LONG_MS) this.#becomesLong(call);
      // Where the request has ended, the stream ends with its trailers, which a slow turn may not have written yet.
      if (call.stream.writableFinished && !call.stream.readableEnded) this.#endRequest(call, now);
    }
    this.queuedBytes = unread + unhandled;
    return this.#isBehind(now, unread, maxUnreadBytes);
  }

  /** A client that has the answer, and does not end its request, would keep its place. */
  #endRequest(call: OpenCall, now: number): void {
    call.answeredAt ??= now;
    if (now - call.answeredAt >= LONG_MS) call.stream.destroy();
  }

  #becomesLong(call: OpenCall): void {
    call.isLong = true;
    this.#long += 1;
    this.#shortOpenedAt -= call.openedAt;
  }

  /** A client that has read as much as once waited for it is not behind: it may have called again since. */
  #isBehind(now: number, bytes: number, maxUnreadBytes: number): boolean {
    const { bytesWritten: written } = this.socket;
    if (bytes <= maxUnreadBytes) this.#backlog = undefined;
    else if (this.#backlog === undefined || written - this.#backlog.written >= this.#backlog.bytes)
      this.#backlog = { since: now, bytes, written };
    return this.#backlog !== undefined && now - this.#backlog.since >= LONG_MS;
  }
}
