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
import { apiCode, MESSAGE_NOT_FOUND, unavailable } from "../errors.ts";
import type { Access, Bucket } from "./bucket.ts";
import { BUCKET_STREAM } from "./config.ts";
import { filterOf, keyOf, type StoredEntry, storedEntry } from "./entry.ts";

const HEARTBEAT_MS = 1000;
const SILENCE_MS = 3 * HEARTBEAT_MS;
const MOST_IDLE = 3;
/** Also of those by which the server says that it waits: it may not hear the answers. */
const MOST_SIGNS = 60;

/** What the server sent: a message of the bucket, or a sign of life. */
interface Arrival {
  /** Of the message; 0 for a sign of life. */
  readonly revision: number;
  /** If the message has a key under the prefix. */
  readonly entry?: StoredEntry | undefined;
  /** Nothing was left to send: not so where the server waited for this reader. */
  readonly idle: boolean;
}

/** What the bucket sends of one prefix: the last message of each subject, then each new one, by revision. */
export interface BucketReader {
  /** Whoever has read up to this revision has read all that was there; 0 when there was nothing. */
  readonly target: number;
  /** Rejects with UNAVAILABLE when anything may have been missed, and with the error that {@link fail} was given. */
  next(): Promise<Arrival>;
  fail(error: Error): void;
  close(): void;
}

/** Opens a consumer of its own, which is deleted when it is closed. */
export async function openBucketReader(bucket: Bucket, access: Access, prefix: string): Promise<BucketReader> {
  const { connection, manager } = access;
  const filter = filterOf(prefix);
  const arrivals = new Arrivals(connection, prefix, (error) => bucket.tell(error.message));
  const inbox = createInbox();
  const subscription = connection.subscribe(inbox, {
    callback: (error, message) => {
      watchdog.refresh();
      if (error === null) arrivals.put(message);
      else arrivals.fail(unavailable(`a watch was refused: ${error.code}`));
    },
  });
  const watchdog = setTimeout(() => arrivals.fail(unavailable("a watch has fallen silent")), SILENCE_MS);
  let consumer: string | undefined;
  const close = () => {
    clearTimeout(watchdog);
    subscription.unsubscribe();
    // The server may let only so many live at once, and would keep it for seconds more. It does so if this fails.
    if (consumer !== undefined) manager.consumers.delete(BUCKET_STREAM, consumer).catch(() => undefined);
    consumer = undefined;
  };
  try {
    const { name } = await manager.consumers.add(BUCKET_STREAM, {
      deliver_subject: inbox,
      deliver_policy: DeliverPolicy.LastPerSubject,
      filter_subject: filter,
      ack_policy: AckPolicy.None,
      replay_policy: ReplayPolicy.Instant,
      idle_heartbeat: nanos(HEARTBEAT_MS),
      // Else the server sends all at once, and cuts the connection of a client that is 64 MB behind.
      flow_control: true,
      mem_storage: true,
      num_replicas: 1,
    });
    consumer = name;
    // The consumer may live on a server that is behind the leader: the leader says how far there is to go.
    const target = await lastRevision(bucket, access, filter);
    if (access.signal.aborted) throw unavailable("the watch came too late");
    return { target, next: () => arrivals.next(), fail: (error) => arrivals.fail(error), close };
  } catch (error) {
    close();
    throw error;
  }
}

/**
 * All that was there when the reader was opened: the last message of each key, in the order of revisions. It takes as long as
 * there is something to read; rejects with UNAVAILABLE when nothing came for three heartbeats, or for a minute while the server waits
 * for this reader.
 */
export async function readSnapshot(bucket: Bucket, reader: BucketReader): Promise<ReadonlyMap<string, StoredEntry>> {
  const snapshot = new Map<string, StoredEntry>();
  let idle = 0;
  let signs = 0;
  for (let reached = 0; reached < reader.target; ) {
    const arrival = await reader.next();
    const { revision, entry } = arrival;
    idle = arrival.idle ? idle + 1 : 0;
    signs = revision === 0 ? signs + 1 : 0;
    if (idle === MOST_IDLE || signs === MOST_SIGNS)
      throw unavailable("a watch has come to no end: its server is behind");
    bucket.read(revision);
    reached = Math.max(reached, revision);
    if (entry === undefined) continue;
    // Deleted first: a Map keeps the place of a key that is set again.
    snapshot.delete(entry.key);
    snapshot.set(entry.key, entry);
  }
  return snapshot;
}

async function lastRevision(bucket: Bucket, access: Access, filter: string): Promise<number> {
  await bucket.verify(access);
  try {
    return (await access.manager.streams.getMessage(BUCKET_STREAM, { last_by_subj: filter })).seq;
  } catch (error) {
    if (apiCode(error) === MESSAGE_NOT_FOUND) return 0;
    throw error;
  }
}

/** Messages between the connection and their reader. A gap in the consumer's own numbers is a failure. */
class Arrivals {
  readonly #connection: NatsConnection;
  readonly #prefix: string;
  readonly #damaged: (error: Error) => void;
  readonly #messages: Msg[] = [];
  readonly #arrived = createWakeup();
  #delivered = 0;
  #failure: Error | undefined;

  constructor(connection: NatsConnection, prefix: string, damaged: (error: Error) => void) {
    this.#connection = connection;
    this.#prefix = prefix;
    this.#damaged = damaged;
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
    while (true) {
      const message = this.#messages.shift();
      if (message !== undefined) return this.#read(message);
      if (this.#failure !== undefined) throw this.#failure;
      await this.#arrived.wait();
    }
  }

  #read(message: Msg): Arrival {
    const status = message.headers?.code ?? 0;
    if (status === 100) return this.#signOfLife(message);
    if (status !== 0) throw unavailable(`a watch was ended by status ${status}`);
    const { revision, delivery, writtenAt } = placeOf(message);
    if (delivery !== this.#delivered + 1) throw unavailable("a watch has missed a message");
    this.#delivered = delivery;
    const key = keyOf(message.subject);
    if (!key?.startsWith(this.#prefix)) return { revision, idle: false };
    const { data: value, headers } = message;
    // One entry must not end the watch of all; and none may be missed, since a key may have been revoked in it.
    const entry = storedEntry({ key, revision, writtenAt, value, headers }, this.#damaged);
    return { revision, entry, idle: false };
  }

  #signOfLife({ headers, reply }: Msg): Arrival {
    // Answered when its turn has come: the server then knows that all before it was read, and sends on.
    const goOn = reply || headers?.get(JsHeaders.ConsumerStalledHdr);
    if (goOn && !this.#connection.isClosed()) this.#connection.publish(goOn);
    if (Number(headers?.get(JsHeaders.LastConsumerSeqHdr)) > this.#delivered)
      throw unavailable("a watch has missed a message");
    return { revision: 0, idle: !goOn };
  }
}

/** From `$JS.ACK.[domain.account.]stream.consumer.times.revision.delivery.time.pending[.random]`. */
function placeOf({ reply = "" }: Msg): { revision: number; delivery: number; writtenAt: number } {
  const tokens = reply.split(".");
  const at = tokens.length === 9 ? 5 : 7;
  const [revision, delivery, nanoseconds] = tokens.slice(at, at + 3).map(Number);
  if (tokens[0] === "$JS" && revision && delivery && nanoseconds) {
    return { revision, delivery, writtenAt: nanoseconds / 1e6 };
  }
  throw unavailable("a watch got a message that is not from the bucket");
}
