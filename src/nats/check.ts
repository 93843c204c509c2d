import type { ConnectionOptions, NatsConnection, StreamConfig } from "nats";
import type { Findings } from "../audit/forward/sink.ts";
import { connectionOptions, expiredFiles, type NatsAccess, readNatsFiles } from "./access.ts";
import { type Attempt, denialOf, storing, UNUSED_EVENT, unusedKeyOf } from "./attempt.ts";
import { judgeStream, missingStream } from "./audit/stream.ts";
import { AUDIT_STREAM, findAuditStreams, takesEvents } from "./audit/streams.ts";
import { checkServerVersion, wantedBucket } from "./bucket/config.ts";
import { type BucketName, LIVE_BUCKET, STATE_BUCKET } from "./bucket/name.ts";
import { connectQuietly } from "./connect.ts";
import { dialFailure, reasonOf } from "./errors.ts";
import { findStream } from "./find-stream.ts";
import { judgeSettings, LARGEST_MESSAGE } from "./settings.ts";

/** What Signet will want of NATS. */
export interface NatsUse {
  readonly access: NatsAccess;
  /** On how many servers of a cluster the streams are stored. */
  readonly replicas: number;
  /** Whether replicas share their state and their live store in buckets. */
  readonly buckets: boolean;
}

/** What a look at NATS found, in sentences for an operator, each with the way out. */
export interface NatsCheck {
  readonly faults: readonly string[];
  /** What is no fault, but good to know. */
  readonly notes: readonly string[];
  /** Whether there is a bucket with the state. */
  readonly bucketExists: boolean;
}

/** A server on a busy machine, or over a disk that stalls, is no fault of the configuration. */
const DIAL_MS = 10_000;

/**
 * Connects to each server, and asks for all that Signet will: nothing is stored, changed or left behind. `now` in Unix
 * milliseconds. Rejects with the StartError NATS_FILES.
 */
export async function checkNats(use: NatsUse, now: number): Promise<NatsCheck> {
  const { access } = use;
  const files = await readNatsFiles(access);
  const faults = expiredFiles(access, files, now);
  const connections = await dialEach(access, connectionOptions(access, files), faults);
  try {
    for (const connection of connections) faults.push(...serverFaults(connection, use));
    const [connection] = connections;
    if (connection === undefined) return { faults, notes: [], bucketExists: false };
    const found = await checkStreams(connection, use);
    // A user without an inbox is denied every request for the same reason.
    return { ...found, faults: [...new Set([...faults, ...found.faults])] };
  } finally {
    for (const connection of connections) await connection.close();
  }
}

/** The connections to all servers that take this client; a fault for each of the others. */
async function dialEach(
  { servers }: NatsAccess,
  options: ConnectionOptions,
  faults: string[],
): Promise<NatsConnection[]> {
  const connections: NatsConnection[] = [];
  for (const server of servers) {
    const own = { servers: [server], name: "signet config check", reconnect: false, timeout: DIAL_MS };
    const dial = () => connectQuietly({ ...options, ...own });
    // Once more: a server under load cuts a client off that is slow to prove itself.
    await dial()
      .catch(dial)
      .then(
        (connection) => connections.push(connection),
        (error) => faults.push(`${server}: ${dialFailure(error, options)}`),
      );
  }
  return connections;
}

function serverFaults(connection: NatsConnection, { replicas, buckets }: NatsUse): string[] {
  const { version = "", max_payload = 0 } = connection.info ?? {};
  const server = connection.getServer();
  const faults: string[] = [];
  try {
    checkServerVersion(version, replicas);
  } catch (error) {
    faults.push(`${server}: ${reasonOf(error)}`);
  }
  const largest = buckets ? LARGEST_MESSAGE.live : LARGEST_MESSAGE.audit;
  if (max_payload < largest)
    faults.push(`${server} takes messages of ${max_payload} bytes: max_payload must be at least ${largest}`);
  return faults;
}

async function checkStreams(connection: NatsConnection, { replicas, buckets }: NatsUse): Promise<NatsCheck> {
  const faults: string[] = [];
  const notes: string[] = [];
  const manager = await connection.jetstreamManager({ checkAPI: false, timeout: DIAL_MS });

  /** What is asked of the streams of the audit log. */
  async function lookAtAudit(): Promise<Attempt[]> {
    try {
      const found = await findAuditStreams(manager);
      const missing = missingStream(found);
      if (missing !== undefined) notes.push(willBeCreated(missing));
      for (const info of found) {
        note(judgeStream(info, replicas));
        if (info.config.deny_purge && takesEvents(info)) notes.push(cannotBeTrimmed(info.config.name));
      }
      return [
        ...found.map(({ config }) => reading(config.name)),
        ...(missing === undefined ? [] : [creating(missing)]),
      ];
    } catch (error) {
      faults.push(`the stream ${AUDIT_STREAM}: ${reasonOf(error)}`);
      return [creating(AUDIT_STREAM)];
    }
  }

  function note({ refused, alarms }: Findings): void {
    faults.push(...refused);
    notes.push(...alarms);
  }

  /** Whether there is such a stream. */
  async function look(use: BucketName["use"], name: string, wanted: Partial<StreamConfig>): Promise<boolean> {
    try {
      const info = await findStream(manager, name);
      if (info === undefined) notes.push(willBeCreated(name));
      else note(judgeSettings(use, info.config, wanted));
      return info !== undefined;
    } catch (error) {
      faults.push(`the stream ${name}: ${reasonOf(error)}`);
      return false;
    }
  }

  const attempts = [storing(UNUSED_EVENT), ...(await lookAtAudit())];
  let bucketExists = false;
  for (const name of buckets ? [STATE_BUCKET, LIVE_BUCKET] : []) {
    const exists = await look(name.use, name.stream, wantedBucket(name, replicas));
    attempts.push(...bucketAttempts(name, exists));
    if (name === STATE_BUCKET) bucketExists = exists;
  }
  for (const attempt of attempts) {
    const denial = await denialOf(connection, attempt);
    if (denial !== undefined) faults.push(denial);
  }
  return { faults, notes, bucketExists };
}

function willBeCreated(stream: string): string {
  return `the stream ${stream} does not exist yet: Signet creates it`;
}

function cannotBeTrimmed(stream: string): string {
  return `deny_purge of ${stream} is true: it can never be trimmed (docs/archive.md)`;
}

function reading(stream: string): Attempt {
  return { subject: api("STREAM.MSG.GET", stream), body: { seq: 1 } };
}

function bucketAttempts(name: BucketName, exists: boolean): Attempt[] {
  const { stream } = name;
  const key = unusedKeyOf(name);
  if (!exists) return [storing(key), creating(stream)];
  return [
    storing(key),
    { subject: api("STREAM.MSG.GET", stream), body: { last_by_subj: key } },
    { subject: api("STREAM.PURGE", stream), body: { filter: key } },
    // A consumer without its settings is refused.
    { subject: api("CONSUMER.CREATE", stream) },
    { subject: `${api("CONSUMER.CREATE", stream)}.config-check` },
    { subject: `${api("CONSUMER.DELETE", stream)}.config-check` },
    { subject: `$JS.FC.${stream}.config-check` },
  ];
}

function api(request: string, stream: string): string {
  return `$JS.API.${request}.${stream}`;
}

/** A stream of another name than the request is refused. */
function creating(stream: string): Attempt {
  return { subject: api("STREAM.CREATE", stream), body: { name: "signet-config-check" } };
}
