import { CodedError } from "../../coded-error.ts";

/** An event on its way out of the spool. */
export interface OutgoingEvent {
  readonly subject: string;
  readonly id: string;
  readonly type: string;
  /** RFC 3339. */
  readonly time: string;
  readonly writer: string;
  /** To be stored byte for byte. */
  readonly body: Uint8Array;
}

/**
 * Why an event is not known to be stored. TIMEOUT and DISCONNECTED: it may be, or become so yet. NO_STREAM: nobody takes
 * events. REFUSED: the sink said no.
 */
export type SinkErrorCode = "TIMEOUT" | "DISCONNECTED" | "NO_STREAM" | "REFUSED";

/** What became of one event. */
export type Outcome =
  | { readonly stored: true; readonly seq: number; readonly duplicate: boolean }
  | { readonly stored: false; readonly code: SinkErrorCode; readonly message: string };

/** The last acknowledged event's place in the stream: enough to tell later that the stream still has it. */
export interface StreamMark {
  /** When the stream was created, as the sink spells it. */
  readonly created: string;
  readonly seq: number;
  readonly eventId: string;
}

/** The stream as it was found. */
export interface StreamState {
  readonly created: string;
  /** False when the marked event is not in the stream any more: it was lost, or rolled back. */
  readonly holds: boolean;
  /** Each setting that is not as it should be: only the operator may change them. */
  readonly differences: readonly string[];
}

/** Where events go. Storing an id twice within the sink's window MUST leave one event. */
export interface EventSink {
  /** Resolves with the connection's number, which grows with each new one; waits while there is none. Rejects on abort. */
  connected(signal: AbortSignal): Promise<number>;
  /** Makes sure that there is a stream, and looks for the marked event in it. Rejects with a {@link SinkError}. */
  inspect(mark: StreamMark | undefined, signal: AbortSignal): Promise<StreamState>;
  /** Offers all the events in order and resolves with one outcome for each, within the sink's own bound. */
  publish(events: readonly OutgoingEvent[], signal: AbortSignal): Promise<readonly Outcome[]>;
}

export class SinkError extends CodedError<SinkErrorCode> {}
