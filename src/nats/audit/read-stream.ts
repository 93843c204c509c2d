import {
  AckPolicy,
  type Consumer,
  type ConsumerMessages,
  DeliverPolicy,
  type JetStreamManager,
  type JsMsg,
  type NatsConnection,
  nanos,
  type OrderedConsumerOptions,
} from "nats";
import { pause, within } from "../../async/timeout.ts";
import { createWakeup } from "../../async/wakeup.ts";
import { isOutage } from "../errors.ts";
import { ANSWER_MS } from "./connect-reader.ts";

/** So much of a stream may wait in memory for its reader. */
const MAX_WAITING_BYTES = 16 * 1024 ** 2;
/** What a message takes in memory beside its body. */
const MESSAGE_BYTES = 1024;
/** How soon a consumer that an outage kept from being made is asked for again. */
const AGAIN_MS = 500;

/** An event as the stream stores it. */
export interface TailedEvent {
  readonly stream: string;
  readonly seq: number;
  readonly subject: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export type Matches = (event: TailedEvent) => boolean;

export interface StreamPart {
  readonly stream: string;
  /** Subjects, none of which covers another. The caller MUST have checked each of their tokens. */
  readonly subjects: readonly string[];
  /** Chooses among the events of the subjects. Undefined: all of them. */
  readonly matches?: Matches | undefined;
  readonly from: number;
  /** Undefined: new events too, until the signal aborts. */
  readonly to: number | undefined;
  readonly signal: AbortSignal;
}

/** Yields the matching events of a part of one stream. */
export async function* readStream(
  { connection, manager }: { readonly connection: NatsConnection; readonly manager: JetStreamManager },
  { stream, subjects, matches, from, to, signal }: StreamPart,
): AsyncGenerator<TailedEvent> {
  if (to !== undefined && (to < from || (await pendingFrom(manager, stream, subjects, from)) === 0)) return;
  for await (const message of consume(connection, stream, subjects, from, signal)) {
    if (to !== undefined && message.seq > to) return;
    const event = toEvent(message);
    if (matches === undefined || matches(event)) yield event;
    if (to !== undefined && (message.seq === to || message.info.pending === 0)) return;
  }
}

/** Yields the last message of each subject that the filter covers, as far as the stream has it. */
export async function* readLastOfSubjects(
  { connection, manager }: { readonly connection: NatsConnection; readonly manager: JetStreamManager },
  stream: string,
  subject: string,
  signal: AbortSignal,
): AsyncGenerator<TailedEvent> {
  const from = { deliver_policy: DeliverPolicy.LastPerSubject };
  if ((await probe(manager, stream, { ...from, filter_subject: subject })).num_pending === 0) return;
  const consumer = await openConsumer(connection, stream, [subject], from);
  for await (const message of readConsumer(consumer, signal, lossOf(connection), Number.POSITIVE_INFINITY)) {
    yield toEvent(message);
    if (message.info.pending === 0) return;
  }
}

/** The number of events of the subjects from `seq` on. */
export async function pendingFrom(
  manager: JetStreamManager,
  stream: string,
  subjects: readonly string[],
  seq: number,
): Promise<number> {
  return (await probe(manager, stream, { ...startingAt(seq), ...filter(subjects) })).num_pending;
}

/** The number of the first event that JetStream stored at this time or later; behind the last one if there is none. */
export async function seqAt(manager: JetStreamManager, stream: string, time: Date): Promise<number> {
  const from = { deliver_policy: DeliverPolicy.StartTime, opt_start_time: time.toISOString() };
  return (await probe(manager, stream, from)).delivered.stream_seq + 1;
}

/** What JetStream says about a consumer that has read nothing yet. */
async function probe(manager: JetStreamManager, stream: string, from: object) {
  const consumer = await manager.consumers.add(stream, {
    ...from,
    ack_policy: AckPolicy.None,
    inactive_threshold: nanos(5000),
    mem_storage: true,
    num_replicas: 1,
  });
  await manager.consumers.delete(stream, consumer.name);
  return consumer;
}

/** Servers before 2.10 know a single subject only. */
function filter(subjects: readonly string[]) {
  const [subject = "", ...more] = subjects;
  return more.length === 0 ? { filter_subject: subject } : { filter_subjects: [...subjects] };
}

function startingAt(seq: number) {
  return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: seq };
}

/** Yields the messages from `seq` on, over as many consumers as it takes. */
async function* consume(
  connection: NatsConnection,
  stream: string,
  subjects: readonly string[],
  seq: number,
  signal: AbortSignal,
): AsyncGenerator<JsMsg> {
  const lost = lossOf(connection);
  let consumer: Consumer | undefined = await openConsumer(connection, stream, subjects, startingAt(seq));
  while (consumer !== undefined) {
    const next: number | undefined = yield* readConsumer(consumer, signal, lost, MAX_WAITING_BYTES);
    if (next === undefined) return;
    consumer = await outlasting(() => openConsumer(connection, stream, subjects, startingAt(next)), signal, lost);
  }
}

/**
 * Aborts once the connection is given up, as when its user is taken away, with the error to throw. The library would wait
 * for ever on it.
 */
function lossOf(connection: NatsConnection): AbortSignal {
  const lost = new AbortController();
  void connection.closed().then((error) => lost.abort(error instanceof Error ? error : new Error("it has ended")));
  return lost.signal;
}

function openConsumer(
  connection: NatsConnection,
  stream: string,
  subjects: readonly string[],
  from: Partial<OrderedConsumerOptions>,
): Promise<Consumer> {
  const [subject = "", ...more] = subjects;
  const filterSubjects = more.length === 0 ? subject : [...subjects];
  return connection.jetstream({ timeout: ANSWER_MS }).consumers.get(stream, { filterSubjects, ...from });
}

/** Opens a consumer, however long an outage lasts: the library outlasts one only while it reads. Undefined on abort. */
async function outlasting(
  open: () => Promise<Consumer>,
  signal: AbortSignal,
  lost: AbortSignal,
): Promise<Consumer | undefined> {
  while (!signal.aborted) {
    lost.throwIfAborted();
    try {
      return await open();
    } catch (error) {
      if (!isOutage(error)) throw error;
    }
    await pause(AGAIN_MS, AbortSignal.any([signal, lost]));
  }
  return undefined;
}

/**
 * Yields the messages of a consumer. The library asks for more as soon as messages arrive, however many wait for their
 * reader: so the consumer ends where too many do. Returns the number to go on from; undefined where the signal ended it.
 */
async function* readConsumer(
  consumer: Consumer,
  signal: AbortSignal,
  lost: AbortSignal,
  maxWaitingBytes: number,
): AsyncGenerator<JsMsg, number | undefined> {
  const arrived = createWakeup();
  let waiting: JsMsg[] = [];
  let bytes = 0;
  let next: number | undefined;
  let isFull = false;
  const ended = AbortSignal.any([signal, lost]);
  let messages: ConsumerMessages | undefined;
  const consuming = consumer.consume({
    callback(message) {
      if (isFull) return;
      waiting.push(message);
      bytes += bytesOf(message);
      isFull = bytes >= maxWaitingBytes;
      if (isFull) messages?.stop();
      arrived.wake();
    },
  });
  messages = await startedUnless(ended, consumer, consuming);
  if (messages === undefined) {
    lost.throwIfAborted();
    return undefined;
  }
  let end: { readonly error: Error | undefined } | undefined;
  void messages.closed().then((error) => {
    end = { error: error instanceof Error ? error : undefined };
    arrived.wake();
  });
  const stop = () => messages.stop(lost.reason);
  ended.addEventListener("abort", stop);
  if (ended.aborted) stop();
  try {
    for (;;) {
      // Taken from the end: what was read must not stay in memory beside what arrives meanwhile.
      const part = waiting.reverse();
      waiting = [];
      for (let message = part.pop(); message !== undefined; message = part.pop()) {
        if (signal.aborted) return undefined;
        yield message;
        next = message.seq + 1;
        bytes -= bytesOf(message);
      }
      if (waiting.length > 0) continue;
      if (isFull) return next;
      if (end?.error !== undefined) throw end.error;
      if (end !== undefined) return undefined;
      await arrived.wait();
    }
  } finally {
    ended.removeEventListener("abort", stop);
    // Before the connection is closed: otherwise the library keeps asking for a new consumer.
    await messages.close();
    if (isFull) await consumer.delete().catch(() => false);
  }
}

/**
 * The messages; undefined on abort. The library tries for a quarter of an hour to make the consumer, also over a
 * connection that was closed meanwhile, and would keep the process alive for as long: so it is told not to try again.
 */
function startedUnless(ended: AbortSignal, consumer: Consumer, consuming: Promise<ConsumerMessages>) {
  return within<ConsumerMessages | undefined>({ signal: ended }, consuming, () => {
    Object.assign(consumer, { maxInitialReset: 0 });
    consuming.then((late) => late.close()).catch(() => {});
    return undefined;
  });
}

function bytesOf({ data }: JsMsg): number {
  return data.length + MESSAGE_BYTES;
}

function toEvent(message: JsMsg): TailedEvent {
  const headers: Record<string, string> = {};
  for (const [name, values] of message.headers ?? []) headers[name] = values.join(", ");
  return { stream: message.info.stream, seq: message.seq, subject: message.subject, headers, body: message.data };
}
