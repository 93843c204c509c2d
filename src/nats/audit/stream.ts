import {
  DiscardPolicy,
  type JetStreamManager,
  type NatsConnection,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
} from "nats";
import type { Findings, StreamMark } from "../../audit/forward/sink.ts";
import { apiCode, MESSAGE_NOT_FOUND, STREAM_NOT_FOUND, toSinkError } from "../errors.ts";
import { type JudgeSettings, judgeSettings } from "../settings.ts";

export const AUDIT_STREAM = "SIGNET_AUDIT";

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
  | "deny_purge"
  | "duplicate_window"
  | "num_replicas"
  | "no_ack"
>;

// `discard: new` and no maximum age, because the defaults drop the oldest records silently. deny_delete and deny_purge
// can't be undone, as an audit log requires. `judgeSettings` says what other settings do.
function wantedStream(replicas: number): Wanted {
  return {
    name: AUDIT_STREAM,
    subjects: ["signet.audit.>"],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.New,
    max_age: 0,
    max_msgs_per_subject: -1,
    deny_delete: true,
    deny_purge: true,
    duplicate_window: 2 * NANOS_PER_MINUTE,
    num_replicas: replicas,
    no_ack: false,
  };
}

/** The stream, and what its settings would do. */
export interface AuditStream {
  readonly info: StreamInfo;
  readonly settings: Findings;
}

/**
 * Creates the audit stream if there is none. An existing one is never changed: the operator decides about its settings.
 * Throws a SinkError.
 */
export async function ensureStream(
  connection: NatsConnection,
  replicas: number,
  judge: JudgeSettings = judgeSettings,
): Promise<AuditStream> {
  const wanted = wantedStream(replicas);
  try {
    const manager = await managerOf(connection);
    const info = (await findStream(manager)) ?? (await manager.streams.add({ ...wanted }));
    return { info, settings: judge("audit", info.config, wanted) };
  } catch (error) {
    throw toSinkError(error, `the stream ${AUDIT_STREAM}`);
  }
}

/** Whether the stream still has the marked event, or dropped it by its own limits. Throws a SinkError. */
export async function holdsMark(connection: NatsConnection, info: StreamInfo, mark: StreamMark): Promise<boolean> {
  if (info.created !== mark.created || info.state.last_seq < mark.seq) return false;
  if (mark.seq < info.state.first_seq) return true;
  // After a rollback, other writers may have used the sequence number again: only the event's id is proof.
  return holdsEvent(connection, mark.seq, mark.eventId);
}

/** Whether the stream has this event at this place. Throws a SinkError. */
export async function holdsEvent(connection: NatsConnection, seq: number, eventId: string): Promise<boolean> {
  try {
    const manager = await managerOf(connection);
    const message = await manager.streams.getMessage(AUDIT_STREAM, { seq });
    return message.header.get("Nats-Msg-Id") === eventId;
  } catch (error) {
    if (apiCode(error) === MESSAGE_NOT_FOUND) return false;
    throw toSinkError(error, `message ${seq} of ${AUDIT_STREAM}`);
  }
}

function managerOf(connection: NatsConnection): Promise<JetStreamManager> {
  return connection.jetstreamManager({ checkAPI: false, timeout: REQUEST_MS });
}

async function findStream(manager: JetStreamManager): Promise<StreamInfo | undefined> {
  try {
    return await manager.streams.info(AUDIT_STREAM);
  } catch (error) {
    if (apiCode(error) === STREAM_NOT_FOUND) return undefined;
    throw error;
  }
}
