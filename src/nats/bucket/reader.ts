import { setImmediate as turn } from "node:timers/promises";
import {
  AckPolicy,
  createInbox,
  DeliverPolicy,
  JsHeaders,
  type Msg,
  type NatsConnection,
  nanos,
  ReplayPolicy,
} from "nats";
import { createWakeup } from "../../async/wakeup.ts";
import { apiCode, MESSAGE_NOT_FOUND, reasonOf, unavailable } from "../errors.ts";
import type { Access, Bucket } from "./bucket.ts";
import { filterOf, keyOf, type StoredEntry, storedEntry } from "./entry.ts";
import type { BucketName } from "./name.ts";

const HEARTBEAT_MS = 1000;
const SILENCE_MS = 2 * HEARTBEAT_MS;
const MOST_IDLE = 3;
/** Counts flow control too: the server may not receive the answers to it. */
const MOST_SIGNS = 60;
/** How many messages are read in one turn of the event loop. */
const PER_TURN = 200;

/** A message of the bucket, or a sign of life. */
interface Arrival {
  /** The message's revision; 0 for a sign of life. */
  readonly revision: number;
  /** Defined if the message has a key under the prefix. */
  readonly entry?: StoredEntry | undefined;
  /** Whether the server had nothing left to send. It is false when the server waited for this reader. */
  readonly idle: boolean;
}

/** Reads one prefix of the bucket: the last message of each subject, then each new one, by revision. */
export interface BucketReader {
  /**
   * A reader that has reached this revision has read everything that existed when it was opened; 0: nothing existed.
   */
  readonly target: number;
  /** Rejects with UNAVAILABLE when a message may have been missed, and with the error that {@link fail} got. */
  next(): Promise<Arrival>;
  fail(error: Error): void;
  close(): void;
}

/** What a reader begins with. `later`: with what is written from now on, and without values. */
export type Beginning = "existing" | "later";

/** Creates a consumer for one reader. `close` deletes it. */
export async function openBucketReader(
  bucket: Bucket,
  access: Access,
  prefix: string,
  beginning: Beginning = "existing",
): Promise<BucketReader> {
  const { connection, manager } = access;
  const filter = filterOf(bucket.name, prefix);
  const arrivals = new Arrivals(connection, bucket.name, prefix, (error) => bucket.reportDamage(error.message));
  const inbox = createInbox();
  const subscription = connection.subscribe(inbox, {
    callback: (error, message) => {
      silent = false;
      watchdog.refresh();
      if (error === null) arrivals.put(message);
      else arrivals.fail(unavailable(`the server refused the reader: ${reasonOf(error)}`));
    },
  });
  let silent = false;
  const watchdog = setTimeout(onSilence, SILENCE_MS);
  function onSilence(): void {
    if (silent) arrivals.fail(unavailable("the server stopped its heartbeats"));
    // If this process was held up, what came meanwhile is read after this timer.
    else watchdog.refresh();
    silent = true;
  }
  let consumer: string | undefined;
  const close = () => {
    clearTimeout(watchdog);
    subscription.unsubscribe();
    // The server may limit the number of consumers, and would keep this one for seconds more, as it does if this fails.
    if (consumer !== undefined) manager.consumers.delete(bucket.name.stream, consumer).catch(() => undefined);
    consumer = undefined;
  };
  try {
    const { name } = await manager.consumers.add(bucket.name.stream, {
      deliver_subject: inbox,
      ...(beginning === "later"
        ? { deliver_policy: DeliverPolicy.New, headers_only: true }
        : { deliver_policy: DeliverPolicy.LastPerSubject }),
      filter_subject: filter,
      ack_policy: AckPolicy.None,
      replay_policy: ReplayPolicy.Instant,
      idle_heartbeat: nanos(HEARTBEAT_MS),
      // Without it the server sends everything at once, and cuts off a client that is 64 MB behind.
      flow_control: true,
      mem_storage: true,
      num_replicas: 1,
    });
    consumer = name;
    // The consumer may be on a server that is behind the leader: only the leader knows the last revision.
    const target = await lastRevision(bucket, access, filter);
    if (access.signal.aborted) throw unavailable("the reader was opened too late");
    return { target, next: () => arrivals.next(), fail: (error) => arrivals.fail(error), close };
  } catch (error) {
    close();
    throw error;
  }
}

/**
 * Yields everything that existed when the reader was opened: the last message of each key, in the order of revisions. A
 * key that is written meanwhile may come twice. Goes on for as long as messages arrive. Rejects with UNAVAILABLE when
 * none came for three heartbeats, or for a minute while the server waits for this reader.
 */
export async function* existingEntries(bucket: Bucket, reader: BucketReader): AsyncGenerator<StoredEntry> {
  let idle = 0;
  let signs = 0;
  for (let reached = 0; reached < reader.target; ) {
    const arrival = await reader.next();
    const { revision, entry } = arrival;
    idle = arrival.idle ? idle + 1 : 0;
    signs = revision === 0 ? signs + 1 : 0;
    if (idle === MOST_IDLE || signs === MOST_SIGNS)
      throw unavailable("the reading does not end: its server is behind the leader");
    bucket.sawRead(revision);
    reached = Math.max(reached, revision);
    if (entry !== undefined) yield entry;
  }
}

async function lastRevision(bucket: Bucket, access: Access, filter: string): Promise<number> {
  await bucket.verify(access);
  try {
    return (await access.manager.streams.getMessage(bucket.name.stream, { last_by_subj: filter })).seq;
  } catch (error) {
    if (apiCode(error) === MESSAGE_NOT_FOUND) return 0;
    throw error;
  }
}

/**
 * Queues messages between the connection and the reader. A gap in the consumer's delivery numbers is a failure.
 *
 * The server sends up to 32 MB ahead, and the answers to all other calls come behind them. To read the messages takes
 * several times as long as to take them in: so the connection has its turn in between, or calls would be late.
 */
class Arrivals {
  readonly #connection: NatsConnection;
  readonly #name: BucketName;
  readonly #prefix: string;
  readonly #onDamage: (error: Error) => void;
  readonly #messages: Msg[] = [];
  readonly #arrived = createWakeup();
  /** How many of the messages were read. */
  #taken = 0;
  #delivered = 0;
  #failure: Error | undefined;

  constructor(connection: NatsConnection, name: BucketName, prefix: string, onDamage: (error: Error) => void) {
    this.#connection = connection;
    this.#name = name;
    this.#prefix = prefix;
    this.#onDamage = onDamage;
  }

  put(message: Msg): void {
    this.#messages.push(message);
    this.#arrived.wake();
  }

  fail(error: Error): void {
    this.#failure ??= error;
    this.#arrived.wake();
  }

  async next(): Promise<Arrival> {
    if (this.#taken === PER_TURN) {
      this.#messages.splice(0, PER_TURN);
      this.#taken = 0;
      await turn();
    }
    while (true) {
      const message = this.#messages[this.#taken];
      if (message !== undefined) {
        this.#taken += 1;
        return this.#read(message);
      }
      if (this.#failure !== undefined) throw this.#failure;
      await this.#arrived.wait();
    }
  }

  #read(message: Msg): Arrival {
    const status = message.headers?.code ?? 0;
    if (status === 100) return this.#signOfLife(message);
    if (status !== 0) throw unavailable(`the server ended the reading with status ${status}`);
    const { revision, delivery, writtenAt } = positionOf(message);
    if (delivery !== this.#delivered + 1) throw unavailable("a message was missed");
    this.#delivered = delivery;
    const key = keyOf(this.#name, message.subject);
    if (!key?.startsWith(this.#prefix)) return { revision, idle: false };
    const { data: value, headers } = message;
    // A damaged entry must not end the reading, but must not be skipped either: it may revoke a key.
    const entry = storedEntry({ key, revision, writtenAt, value, headers }, this.#onDamage);
    return { revision, entry, idle: false };
  }

  #signOfLife({ headers, reply }: Msg): Arrival {
    // Answered only when its turn has come: the answer says that everything before it was read, and the server sends
    // more.
    const flowControl = reply || headers?.get(JsHeaders.ConsumerStalledHdr);
    if (flowControl && !this.#connection.isClosed()) this.#connection.publish(flowControl);
    if (Number(headers?.get(JsHeaders.LastConsumerSeqHdr)) > this.#delivered) throw unavailable("a message was missed");
    return { revision: 0, idle: !flowControl };
  }
}

/** Parses `$JS.ACK.[domain.account.]stream.consumer.times.revision.delivery.time.pending[.random]`. */
function positionOf({ reply = "" }: Msg): { revision: number; delivery: number; writtenAt: number } {
  const tokens = reply.split(".");
  const at = tokens.length === 9 ? 5 : 7;
  const [revision, delivery, nanoseconds] = tokens.slice(at, at + 3).map(Number);
  if (tokens[0] === "$JS" && revision && delivery && nanoseconds) {
    return { revision, delivery, writtenAt: nanoseconds / 1e6 };
  }
  throw unavailable("a message came that is not from the bucket");
}
