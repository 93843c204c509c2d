import { AckPolicy, connect, DeliverPolicy, type JetStreamManager, type JsMsg, type NatsConnection, nanos } from "nats";
import { toSinkError } from "../errors.ts";
import { AUDIT_STREAM } from "./stream.ts";

export interface TailOptions {
  readonly url: string;
  /** A subject under `signet.audit`. The caller MUST have checked each of its tokens. */
  readonly subject: string;
  /** Where to begin: with the next event, with the oldest, or with this many of the last events of the subject. */
  readonly from: "new" | "all" | { readonly last: number };
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
  /** How many stored events to pass over. */
  readonly skip: number;
  /** How many stored events to yield after those. */
  readonly stored: number;
}

/**
 * Yields the stream's events in order, across lost connections, until the signal aborts. Throws a SinkError when there
 * is no stream, and the library's error when the server can't be reached.
 */
export async function* tail({ url, subject, from, follow, signal }: TailOptions): AsyncGenerator<TailedEvent> {
  const connection = await connect({ servers: url, name: "signet-audit-tail", maxReconnectAttempts: -1 });
  try {
    const start = await findStart(connection, subject, from);
    if (!follow && start.stored === 0) return;
    let seen = 0;
    for await (const message of consume(connection, subject, start.seq, signal)) {
      if (++seen > start.skip) yield toEvent(message);
      if (!follow && seen === start.skip + start.stored) return;
    }
  } finally {
    await connection.close();
  }
}

async function findStart(connection: NatsConnection, subject: string, from: TailOptions["from"]): Promise<Start> {
  try {
    const manager = await connection.jetstreamManager({ checkAPI: false });
    const { state } = await manager.streams.info(AUDIT_STREAM);
    // By number even for "new": an event that arrives before the subscription must not be missed.
    if (from === "new") return { seq: state.last_seq + 1, skip: 0, stored: 0 };
    if (from === "all") return { seq: 1, skip: 0, stored: await countFrom(manager, subject, 1) };
    return await findLast(manager, subject, from.last, state.first_seq, state.last_seq);
  } catch (error) {
    throw toSinkError(error, `the stream ${AUDIT_STREAM}`);
  }
}

// Few of the last events may match the filter: look back twice as far until enough do.
async function findLast(
  manager: JetStreamManager,
  subject: string,
  wanted: number,
  first: number,
  last: number,
): Promise<Start> {
  for (let back = wanted; ; back *= 2) {
    const seq = Math.max(first, last - back + 1, 1);
    const found = await countFrom(manager, subject, seq);
    if (found >= wanted || seq <= first) {
      const skip = Math.max(0, found - wanted);
      return { seq, skip, stored: found - skip };
    }
  }
}

async function countFrom(manager: JetStreamManager, subject: string, seq: number): Promise<number> {
  const counter = await manager.consumers.add(AUDIT_STREAM, {
    ack_policy: AckPolicy.None,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: seq,
    filter_subject: subject,
    inactive_threshold: nanos(5000),
    mem_storage: true,
    num_replicas: 1,
  });
  await manager.consumers.delete(AUDIT_STREAM, counter.name);
  return counter.num_pending;
}

async function* consume(
  connection: NatsConnection,
  subject: string,
  seq: number,
  signal: AbortSignal,
): AsyncGenerator<JsMsg> {
  const consumer = await connection.jetstream().consumers.get(AUDIT_STREAM, {
    filterSubjects: subject,
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
