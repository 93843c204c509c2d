import {
  DiscardPolicy,
  type JetStreamManager,
  type NatsConnection,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
} from "nats";
import type { Findings, StreamMark, StreamUsage } from "../../audit/forward/sink.ts";
import { apiCode, MESSAGE_NOT_FOUND, toSinkError } from "../errors.ts";
import { type JudgeSettings, judgeSettings } from "../settings.ts";
import { AUDIT_STREAM, AUDIT_SUBJECTS, findAuditStreams, NEXT_AUDIT_STREAM, wasLeft } from "./streams.ts";
import { usageOf } from "./usage.ts";

const REQUEST_MS = 5000;
const NANOS_PER_MINUTE = 60_000_000_000;

type Wanted = Pick<
  StreamConfig,
  | "name"
  | "subjects"
  | "storage"
  | "retention"
  | "discard"
  | "max_age"
  | "max_msgs_per_subject"
  | "deny_delete"
  | "duplicate_window"
  | "num_replicas"
  | "no_ack"
>;

// `discard: new` and no maximum age, because the defaults drop the oldest records silently. deny_delete can't be undone,
// as an audit log requires. Nor could deny_purge be: what is archived could then never be trimmed, so a permission of
// NATS says who may purge. `judgeSettings` says what other settings do.
export function wantedStream(replicas: number, name: string = AUDIT_STREAM): Wanted {
  return {
    name,
    subjects: [AUDIT_SUBJECTS],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.New,
    max_age: 0,
    max_msgs_per_subject: -1,
    deny_delete: true,
    duplicate_window: 2 * NANOS_PER_MINUTE,
    num_replicas: replicas,
    no_ack: false,
  };
}

/** The streams of the log, and what their settings would do. */
export interface AuditStream {
  /** The one that takes the events. */
  readonly info: StreamInfo;
  /** All that hold events, the oldest first. */
  readonly all: readonly StreamInfo[];
  readonly usage: StreamUsage;
  readonly settings: Findings;
}

/**
 * Creates the stream that takes the events if there is none. An existing one is never changed: the operator decides
 * about its settings. Throws a SinkError.
 */
export async function ensureStream(
  connection: NatsConnection,
  replicas: number,
  judge: JudgeSettings = judgeSettings,
): Promise<AuditStream> {
  try {
    const manager = await managerOf(connection);
    const found = await findAuditStreams(manager);
    const missing = missingStream(found);
    const created = missing === undefined ? [] : [await manager.streams.add({ ...wantedStream(replicas, missing) })];
    const all = [...found, ...created];
    const info = all.at(-1) as StreamInfo;
    return { info, all, usage: await usageOf(connection, manager, info), settings: judgeAll(all, replicas, judge) };
  } catch (error) {
    throw toSinkError(error, `the stream ${AUDIT_STREAM}`);
  }
}

/** The stream that Signet creates, so that one takes the events. */
export function missingStream(found: readonly StreamInfo[]): string | undefined {
  const last = found.at(-1);
  if (last === undefined) return AUDIT_STREAM;
  return found.length === 1 && last.config.name === AUDIT_STREAM && wasLeft(last) ? NEXT_AUDIT_STREAM : undefined;
}

function judgeAll(all: readonly StreamInfo[], replicas: number, judge: JudgeSettings): Findings {
  const found = all.map((info) => judgeStream(info, replicas, judge));
  return { refused: found.flatMap(({ refused }) => refused), alarms: found.flatMap(({ alarms }) => alarms) };
}

/** A stream whose subjects were moved away keeps its events by the same settings. */
export function judgeStream(info: StreamInfo, replicas: number, judge: JudgeSettings = judgeSettings): Findings {
  const wanted = wantedStream(replicas, info.config.name);
  const subjects = wasLeft(info) ? info.config.subjects : wanted.subjects;
  return judge("audit", info.config, { ...wanted, subjects });
}

/** Whether the streams still have the marked event, or dropped it by their own limits. Throws a SinkError. */
export async function holdsMark(
  connection: NatsConnection,
  streams: readonly StreamInfo[],
  mark: StreamMark,
): Promise<boolean> {
  const marked = streams.find(({ created }) => created === mark.created);
  if (marked === undefined || marked.state.last_seq < mark.seq) return false;
  if (mark.seq < marked.state.first_seq) return true;
  // After a rollback, other writers may have used the sequence number again: only the event's id is proof.
  return holdsEvent(connection, marked.config.name, mark.seq, mark.eventId);
}

/** Whether the stream has this event at this place. Throws a SinkError. */
export async function holdsEvent(
  connection: NatsConnection,
  stream: string,
  seq: number,
  eventId: string,
): Promise<boolean> {
  try {
    const manager = await managerOf(connection);
    const message = await manager.streams.getMessage(stream, { seq });
    return message.header.get("Nats-Msg-Id") === eventId;
  } catch (error) {
    if (apiCode(error) === MESSAGE_NOT_FOUND) return false;
    throw toSinkError(error, `message ${seq} of ${stream}`);
  }
}

/** The body of the last message under a subject, in the newest stream that has one. Throws a SinkError. */
export async function lastUnder(connection: NatsConnection, subject: string): Promise<Uint8Array | undefined> {
  try {
    const manager = await managerOf(connection);
    for (const { config } of (await findAuditStreams(manager)).toReversed()) {
      const message = await lastOf(manager, config.name, subject);
      if (message !== undefined) return message;
    }
    return undefined;
  } catch (error) {
    throw toSinkError(error, `the last message of ${subject}`);
  }
}

async function lastOf(manager: JetStreamManager, stream: string, subject: string): Promise<Uint8Array | undefined> {
  try {
    return (await manager.streams.getMessage(stream, { last_by_subj: subject })).data;
  } catch (error) {
    if (apiCode(error) === MESSAGE_NOT_FOUND) return undefined;
    throw error;
  }
}

function managerOf(connection: NatsConnection): Promise<JetStreamManager> {
  return connection.jetstreamManager({ checkAPI: false, timeout: REQUEST_MS });
}
