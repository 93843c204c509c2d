import type { JetStreamManager, NatsConnection, StreamInfo } from "nats";
import { pause } from "../../async/timeout.ts";
import type { NatsAccess } from "../access.ts";
import { toSinkError } from "../errors.ts";
import { ANSWER_MS, connectReader } from "./connect-reader.ts";
import { type Matches, pendingFrom, readLastOfSubjects, readStream, seqAt, type TailedEvent } from "./read-stream.ts";
import { AUDIT_STREAM, findAuditStreams, isDenied } from "./streams.ts";

export interface TailQuery {
  readonly access: NatsAccess;
  /** Subjects under `signet.audit`, none of which covers another. The caller MUST have checked each of their tokens. */
  readonly subjects: readonly string[];
  /** Chooses among the events of the subjects. Undefined: all of them. */
  readonly matches?: Matches | undefined;
  /** Passes over what JetStream had stored before. An event may be older than the time at which it was stored. */
  readonly since?: Date | undefined;
  /** Ends before what JetStream stored at this time or later. Needs `follow: false`. */
  readonly until?: Date | undefined;
  /** Begins with this many of the last matching events. Undefined: with all of them. */
  readonly last?: number | undefined;
  /** Whether to wait for new events after the stored ones. */
  readonly follow: boolean;
  /**
   * Called when the place to begin is found, with its sequence in the first stream: from now on events are yielded as
   * they are read.
   */
  readonly onStart?: (from: number) => void;
  readonly signal: AbortSignal;
}

/** How soon a tail that follows notices that the events go to the next stream. */
const NEXT_MS = 5000;

/** What to read of one stream. */
interface Part {
  readonly stream: string;
  readonly seq: number;
  /** How many matching events to pass over. */
  readonly skip: number;
  /** How many matching events of `last` it has. */
  readonly found: number;
  /** The last event to read: the last one that was stored when the command began, or before `until`. */
  readonly end: number;
}

/** A connection, and the manager over it. */
interface Server {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
}

/**
 * Yields the events of all streams of the log in order, across lost connections, until the signal aborts. Throws a
 * SinkError when there is no stream, the StartError NATS_FILES, and the library's error when the server can't be reached.
 */
export async function* tail(query: TailQuery): AsyncGenerator<TailedEvent> {
  const connection = await connectReader(query.access, "signet-audit-tail");
  try {
    const manager = await connection.jetstreamManager({ checkAPI: false, timeout: ANSWER_MS });
    yield* readParts({ connection, manager }, query);
  } finally {
    await connection.close();
  }
}

/**
 * Yields the last message of each subject that the filter covers, of each stream. Throws as {@link tail} does; without a
 * stream it yields none.
 */
export async function* lastOfSubjects(
  { access, signal }: Pick<TailQuery, "access" | "signal">,
  subject: string,
): AsyncGenerator<TailedEvent> {
  const connection = await connectReader(access, "signet-audit-tail");
  try {
    const manager = await connection.jetstreamManager({ checkAPI: false, timeout: ANSWER_MS });
    for (const { config } of await findAuditStreams(manager))
      yield* readLastOfSubjects({ connection, manager }, config.name, subject, signal);
  } catch (error) {
    throw toSinkError(error, `the stream ${AUDIT_STREAM}`);
  } finally {
    await connection.close();
  }
}

async function* readParts(server: Server, query: TailQuery): AsyncGenerator<TailedEvent> {
  const parts = await findParts(server, query);
  query.onStart?.(parts[0]?.seq ?? 1);
  for (const { stream, seq, skip, end } of parts) {
    const isLast = stream === parts.at(-1)?.stream;
    let seen = 0;
    const events =
      query.follow && isLast
        ? follow(server, query, stream, seq)
        : readStream(server, { ...query, stream, from: seq, to: end });
    for await (const event of events) if (++seen > skip) yield event;
  }
}

async function findParts(server: Server, query: TailQuery): Promise<Part[]> {
  try {
    const streams = await findAuditStreams(server.manager);
    // Its error says that there is none.
    if (streams.length === 0) await server.manager.streams.info(AUDIT_STREAM);
    const parts: Part[] = [];
    let wanted = query.last;
    for (const info of streams.toReversed()) {
      const part = await findPart(server, query, info, wanted);
      parts.unshift(part);
      if (wanted !== undefined) wanted -= part.found;
    }
    return parts;
  } catch (error) {
    throw toSinkError(error, `the stream ${AUDIT_STREAM}`);
  }
}

async function findPart(
  server: Server,
  query: TailQuery,
  { config: { name: stream }, state }: StreamInfo,
  last: number | undefined,
): Promise<Part> {
  const { manager } = server;
  const end = query.until === undefined ? state.last_seq : (await seqAt(manager, stream, query.until)) - 1;
  // By number even for new events: one that arrives before the subscription must not be missed.
  if (last === 0) return { stream, seq: end + 1, skip: 0, found: 0, end };
  const first = query.since === undefined ? Math.max(1, state.first_seq) : await seqAt(manager, stream, query.since);
  if (last === undefined) return { stream, seq: first, skip: 0, found: 0, end };
  return { stream, end, ...(await findLast(server, query, stream, last, first, end)) };
}

// Few of the last events may match: look back twice as far until enough do.
async function findLast(
  server: Server,
  query: TailQuery,
  stream: string,
  wanted: number,
  first: number,
  end: number,
): Promise<Pick<Part, "seq" | "skip" | "found">> {
  for (let back = wanted; ; back *= 2) {
    const seq = Math.max(first, end - back + 1);
    const found = await countFrom(server, query, stream, seq, end);
    if (found >= wanted || seq === first || query.signal.aborted)
      return { seq, skip: Math.max(0, found - wanted), found: Math.min(found, wanted) };
  }
}

/** The number of matching events from `seq` to `end`. JetStream knows it unless the events must be read. */
async function countFrom(server: Server, query: TailQuery, stream: string, seq: number, end: number): Promise<number> {
  if (query.matches === undefined) return pendingFrom(server.manager, stream, query.subjects, seq);
  let found = 0;
  for await (const _ of readStream(server, { ...query, stream, from: seq, to: end })) found += 1;
  return found;
}

/** Yields the matching events from `seq` on, in the next stream too once the events go there, until the signal aborts. */
async function* follow(server: Server, query: TailQuery, stream: string, seq: number): AsyncGenerator<TailedEvent> {
  const left = new AbortController();
  let seen = seq - 1;
  const matches: Matches = (event) => {
    seen = event.seq;
    return query.matches?.(event) ?? true;
  };
  const next = nextStream(server.manager, query, stream, () => seen, left);
  // Awaited below; until then nobody would handle a rejection.
  next.catch(() => {});
  try {
    const signal = AbortSignal.any([query.signal, left.signal]);
    yield* readStream(server, { ...query, matches, signal, stream, from: seq, to: undefined });
  } finally {
    left.abort();
  }
  const following = await next;
  if (following !== undefined && !query.signal.aborted) yield* follow(server, query, following, 1);
}

/** Resolves with the next stream once the events go there and all of this one were seen; ends the reading with `left`. */
async function nextStream(
  manager: JetStreamManager,
  { subjects }: TailQuery,
  stream: string,
  seen: () => number,
  left: AbortController,
): Promise<string | undefined> {
  try {
    for (;;) {
      await pause(NEXT_MS, left.signal);
      if (left.signal.aborted) return undefined;
      const next = await findNext(manager, stream, subjects, seen);
      if (next !== undefined) return next;
    }
  } finally {
    left.abort();
  }
}

async function findNext(
  manager: JetStreamManager,
  stream: string,
  subjects: readonly string[],
  seen: () => number,
): Promise<string | undefined> {
  try {
    const last = (await findAuditStreams(manager)).at(-1)?.config.name;
    if (last === undefined || last === stream) return undefined;
    return (await pendingFrom(manager, stream, subjects, seen() + 1)) === 0 ? last : undefined;
  } catch (error) {
    // Lost connections are waited for. A user that may not read the next stream would wait for ever.
    if (isDenied(error)) throw toSinkError(error, "the next stream of the audit log");
    return undefined;
  }
}
