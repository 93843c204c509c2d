import { AckPolicy, connect, DeliverPolicy, type JetStreamManager, type JsMsg, type NatsConnection, nanos } from "nats";
import { toSinkError } from "../errors.ts";
import { AUDIT_STREAM } from "./stream.ts";

export interface TailQuery {
  readonly url: string;
  /** Subjects under `signet.audit`, none of which covers another. The caller MUST have checked each of their tokens. */
  readonly subjects: readonly string[];
  /** Chooses among the events of the subjects. Undefined: all of them. */
  readonly matches?: ((event: TailedEvent) => boolean) | undefined;
  /** Passes over what JetStream had stored before. An event may be older than the time at which it was stored. */
  readonly since?: Date | undefined;
  /** Begins with this many of the last matching events. Undefined: with all of them. */
  readonly last?: number | undefined;
  /** Whether to wait for new events after the stored ones. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

/** An event as the stream stores it. */
export interface TailedEvent {
  readonly seq: number;
  readonly subject: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

interface Start {
  readonly seq: number;
  /** How many matching events to pass over. */
  readonly skip: number;
  /** The last event that was stored when the command began. */
  readonly end: number;
}

/**
 * Yields the stream's events in order, across lost connections, until the signal aborts. Throws a SinkError when there
 * is no stream, and the library's error when the server can't be reached.
 */
export async function* tail(query: TailQuery): AsyncGenerator<TailedEvent> {
  const connection = await connect({ servers: query.url, name: "signet-audit-tail", maxReconnectAttempts: -1 });
  try {
    const manager = await connection.jetstreamManager({ checkAPI: false });
    const { seq, skip, end } = await findStart(connection, manager, query);
    let seen = 0;
    for await (const event of read(connection, manager, query, seq, query.follow ? undefined : end))
      if (++seen > skip) yield event;
  } finally {
    await connection.close();
  }
}

async function findStart(connection: NatsConnection, manager: JetStreamManager, query: TailQuery): Promise<Start> {
  try {
    const { state } = await manager.streams.info(AUDIT_STREAM);
    const end = state.last_seq;
    // By number even for new events: one that arrives before the subscription must not be missed.
    if (query.last === 0) return { seq: end + 1, skip: 0, end };
    const first = query.since === undefined ? Math.max(1, state.first_seq) : await seqAt(manager, query.since);
    if (query.last === undefined) return { seq: first, skip: 0, end };
    return { ...(await findLast(connection, manager, query, query.last, first, end)), end };
  } catch (error) {
    throw toSinkError(error, `the stream ${AUDIT_STREAM}`);
  }
}

// Few of the last events may match: look back twice as far until enough do.
async function findLast(
  connection: NatsConnection,
  manager: JetStreamManager,
  query: TailQuery,
  wanted: number,
  first: number,
  end: number,
): Promise<Omit<Start, "end">> {
  for (let back = wanted; ; back *= 2) {
    const seq = Math.max(first, end - back + 1);
    const found = await countFrom(connection, manager, query, seq, end);
    if (found >= wanted || seq === first || query.signal.aborted) return { seq, skip: Math.max(0, found - wanted) };
  }
}

/** The number of matching events from `seq` to `end`. JetStream knows it unless the events must be read. */
async function countFrom(
  connection: NatsConnection,
  manager: JetStreamManager,
  query: TailQuery,
  seq: number,
  end: number,
): Promise<number> {
  if (query.matches === undefined) return pendingFrom(manager, query.subjects, seq);
  let found = 0;
  for await (const _ of read(connection, manager, query, seq, end)) found += 1;
  return found;
}

/** Yields the matching events from `seq` to `end`; without an end, until the signal aborts. */
async function* read(
  connection: NatsConnection,
  manager: JetStreamManager,
  { subjects, matches, signal }: TailQuery,
  seq: number,
  end: number | undefined,
): AsyncGenerator<TailedEvent> {
  if (end !== undefined && (await pendingFrom(manager, subjects, seq)) === 0) return;
  for await (const message of consume(connection, subjects, seq, signal)) {
    if (end !== undefined && message.seq > end) return;
    const event = toEvent(message);
    if (matches === undefined || matches(event)) yield event;
    if (end !== undefined && (message.seq === end || message.info.pending === 0)) return;
  }
}

async function pendingFrom(manager: JetStreamManager, subjects: readonly string[], seq: number): Promise<number> {
  const from = { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: seq };
  return (await probe(manager, { ...from, ...filter(subjects) })).num_pending;
}

/** The number of the first event that JetStream stored at this time or later; behind the last one if there is none. */
async function seqAt(manager: JetStreamManager, time: Date): Promise<number> {
  const from = { deliver_policy: DeliverPolicy.StartTime, opt_start_time: time.toISOString() };
  return (await probe(manager, from)).delivered.stream_seq + 1;
}

/** What JetStream says about a consumer that has read nothing yet. */
async function probe(manager: JetStreamManager, from: object) {
  const consumer = await manager.consumers.add(AUDIT_STREAM, {
    ...from,
    ack_policy: AckPolicy.None,
    inactive_threshold: nanos(5000),
    mem_storage: true,
    num_replicas: 1,
  });
  await manager.consumers.delete(AUDIT_STREAM, consumer.name);
  return consumer;
}

/** Servers before 2.10 know a single subject only. */
function filter(subjects: readonly string[]) {
  const [subject = "", ...more] = subjects;
  return more.length === 0 ? { filter_subject: subject } : { filter_subjects: [...subjects] };
}

async function* consume(
  connection: NatsConnection,
  subjects: readonly string[],
  seq: number,
  signal: AbortSignal,
): AsyncGenerator<JsMsg> {
  const [subject = "", ...more] = subjects;
  const consumer = await connection.jetstream().consumers.get(AUDIT_STREAM, {
    filterSubjects: more.length === 0 ? subject : [...subjects],
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: seq,
  });
  const messages = await consumer.consume();
  const stop = () => messages.stop();
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  try {
    yield* messages;
  } finally {
    signal.removeEventListener("abort", stop);
    // Before the connection is closed: otherwise the library keeps asking for a new consumer.
    await messages.close();
  }
}

function toEvent(message: JsMsg): TailedEvent {
  const headers: Record<string, string> = {};
  for (const [name, values] of message.headers ?? []) headers[name] = values.join(", ");
  return { seq: message.seq, subject: message.subject, headers, body: message.data };
}
