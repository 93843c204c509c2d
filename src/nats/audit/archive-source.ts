import type { JetStreamManager, NatsConnection, StreamInfo } from "nats";
import { SinkError } from "../../audit/forward/sink.ts";
import type { NatsAccess } from "../access.ts";
import { toSinkError } from "../errors.ts";
import { ANSWER_MS, connectReader } from "./connect-reader.ts";
import { readStream, seqAt, type TailedEvent } from "./read-stream.ts";
import { findAuditStreams, takesEvents } from "./streams.ts";

/** A stream of the audit log as an archiver sees it. */
export interface ArchiveStream {
  readonly name: string;
  /** When it was created: its sequence numbers mean nothing in another stream of the same name. */
  readonly created: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly bytes: number;
  /** False for a stream with deny_purge, which keeps all that it has. */
  readonly canBeTrimmed: boolean;
  /** Whether new events go here. */
  readonly takesEvents: boolean;
}

/** The streams of the audit log, to be read and trimmed. All functions reject with a SinkError. */
export interface ArchiveSource {
  /** The oldest first. */
  streams(): Promise<ArchiveStream[]>;
  /** The first sequence that JetStream stored at this time or later. */
  seqAt(stream: string, time: Date): Promise<number>;
  read(stream: string, from: number, to: number): AsyncGenerator<TailedEvent>;
  /**
   * Removes all messages up to `seq`. Refused if the stream was created again since it was read: its numbers are those
   * of other messages then.
   */
  trim(stream: ArchiveStream, seq: number): Promise<void>;
  close(): Promise<void>;
}

/** Connects. Throws the StartError NATS_FILES, and a SinkError DISCONNECTED. */
export async function openArchiveSource(access: NatsAccess, signal: AbortSignal): Promise<ArchiveSource> {
  const connection = await connectReader(access, "signet-audit-archive");
  const manager = await connection.jetstreamManager({ checkAPI: false, timeout: ANSWER_MS });
  return {
    streams: () => asking("the streams of the audit log", async () => (await findAuditStreams(manager)).map(toStream)),
    seqAt: (stream, time) => asking(`the stream ${stream}`, () => seqAt(manager, stream, time)),
    read: (stream, from, to) => readAll({ connection, manager }, stream, from, to, signal),
    trim: (stream, seq) => asking(`trimming ${stream.name}`, () => trim(manager, stream, seq)),
    close: () => connection.close(),
  };
}

async function* readAll(
  server: { readonly connection: NatsConnection; readonly manager: JetStreamManager },
  stream: string,
  from: number,
  to: number,
  signal: AbortSignal,
): AsyncGenerator<TailedEvent> {
  try {
    // Whatever is in the stream is trimmed, so whatever is in it is read.
    yield* readStream(server, { stream, subjects: [">"], from, to, signal });
  } catch (error) {
    throw toSinkError(error, `the stream ${stream}`);
  }
}

async function trim(manager: JetStreamManager, stream: ArchiveStream, seq: number): Promise<void> {
  const { created, state } = await manager.streams.info(stream.name);
  if (created !== stream.created)
    throw new SinkError("NO_STREAM", `${stream.name} was created again at ${created}: nothing was removed`);
  // JetStream would jump to a number beyond its last message, and leave a hole.
  if (seq > state.last_seq)
    throw new SinkError("NO_STREAM", `${stream.name} ends at ${state.last_seq}, before ${seq}: nothing was removed`);
  await manager.streams.purge(stream.name, { seq: seq + 1 });
}

function toStream(info: StreamInfo): ArchiveStream {
  const { config, created, state } = info;
  return {
    name: config.name,
    created,
    firstSeq: Math.max(1, state.first_seq),
    lastSeq: state.last_seq,
    bytes: state.bytes,
    canBeTrimmed: !config.deny_purge,
    takesEvents: takesEvents(info),
  };
}

async function asking<Result>(what: string, ask: () => Promise<Result>): Promise<Result> {
  try {
    return await ask();
  } catch (error) {
    throw error instanceof SinkError ? error : toSinkError(error, what);
  }
}
