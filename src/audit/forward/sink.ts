import { CodedError } from "../../coded-error.ts";

/** An event as it is handed to the sink. */
export interface OutgoingEvent {
  readonly subject: string;
  readonly id: string;
  readonly type: string;
  /** RFC 3339. */
  readonly time: string;
  readonly writer: string;
  /** Empty: the event has no trace. */
  readonly traceparent: string;
  /** MUST be stored byte for byte. */
  readonly body: Uint8Array;
}

/** A checkpoint as it is handed to the sink. */
export interface OutgoingNote {
  readonly subject: string;
  readonly id: string;
  /** A signed note. MUST be stored byte for byte. */
  readonly body: Uint8Array;
}

/**
 * Why an event is not known to be stored. TIMEOUT and DISCONNECTED: it may be stored, now or later. NO_STREAM: no
 * stream takes events. REFUSED: the sink rejected the event.
 */
export type SinkErrorCode = "TIMEOUT" | "DISCONNECTED" | "NO_STREAM" | "REFUSED";

/** The result of publishing one event. */
export type Outcome =
  | { readonly stored: true; readonly seq: number; readonly duplicate: boolean }
  | { readonly stored: false; readonly code: SinkErrorCode; readonly message: string };

/** The last acknowledged event's place in the stream, by which a later check finds whether the stream still has it. */
export interface StreamMark {
  /** When the stream was created, as formatted by the sink. */
  readonly created: string;
  readonly seq: number;
  readonly eventId: string;
}

/** How full the stream is that takes the events. */
export interface StreamUsage {
  readonly bytes: number;
  readonly messages: number;
  /** When the oldest message was stored, in Unix milliseconds. Undefined: there is none. */
  readonly oldestTime: number | undefined;
  /** At how many bytes it takes no event. Undefined: as far as the sink tells, there is no limit but its disk. */
  readonly limitBytes: number | undefined;
}

/** The state in which the stream was found. */
export interface StreamState {
  /** Undefined: the sink does not know. */
  readonly usage?: StreamUsage | undefined;
  readonly created: string;
  /** False when the stream no longer has the marked event: it was lost or rolled back. */
  readonly holds: boolean;
  readonly settings: Findings;
}

/**
 * The settings of a stream that are not as they should be, and that only the operator may change. Each text names the
 * setting, what is allowed, and the way out.
 */
export interface Findings {
  /** With these the stream forgets what it acknowledged, or answers with something else. Nothing may rely on it. */
  readonly refused: readonly string[];
  /** With these it forgets nothing, but something may fail or is less safe. */
  readonly alarms: readonly string[];
}

/** The destination of events. Storing an id twice within the sink's deduplication window MUST leave one event. */
export interface EventSink {
  /**
   * Resolves with the connection's number, which grows with each connection; waits until there is one. Rejects on
   * abort.
   */
  connected(signal: AbortSignal): Promise<number>;
  /** Ensures that the stream exists, and looks for the marked event in it. Rejects with a {@link SinkError}. */
  inspect(mark: StreamMark | undefined, signal: AbortSignal): Promise<StreamState>;
  /** Publishes the events in order. Resolves with one outcome for each, within the sink's own time-out. */
  publish(events: readonly OutgoingEvent[], signal: AbortSignal): Promise<readonly Outcome[]>;
}

/** The destination of checkpoints, which is that of the events. */
export interface NoteSink extends Pick<EventSink, "connected"> {
  /** The body of the last note under a subject; undefined where there is none. Rejects with a {@link SinkError}. */
  lastNote(subject: string, signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** Publishes a note. As {@link EventSink.publish} of one event. */
  publishNote(note: OutgoingNote, signal: AbortSignal): Promise<Outcome>;
}

export class SinkError extends CodedError<SinkErrorCode> {}
