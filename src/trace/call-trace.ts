/** What a client has sent about the trace of its call: every value of the headers of W3C Trace Context. */
export interface TraceHeaders {
  readonly traceparent: readonly string[];
  readonly tracestate: readonly string[];
}

/** What is known of a call beside its method. None of it is a token, a subject or a claim. */
export interface CallFacts {
  readonly caller?: string;
  /** The name of a profile that exists. */
  readonly profile?: string;
  /** Why the call was refused, or its token rejected: a code. */
  readonly reason?: string;
}

/** The parts of a call that have spans of their own. */
export type Part = "sign" | "spool";

/** The trace of one call, recorded or not. Its methods never throw by themselves. */
export interface CallTrace {
  readonly traceId: string;
  readonly spanId: string;
  /** Names the call to others, as W3C Trace Context writes it. */
  readonly traceparent: string;
  /** Adds facts. Of each, the first one counts: a batch has those of its first item. */
  note(facts: CallFacts): void;
  /** Does the work as a part of the call, which ends when the work does, or what it promises. */
  during<Result>(part: Part, work: () => Result, attributes?: Readonly<Record<string, string>>): Result;
  /** The call was answered with this gRPC status, by its name. A reason replaces one that was noted. */
  end(status: string, reason?: string): void;
}

/** Follows calls through the service. Undefined where traces are off, so that they cost nothing. */
export interface CallTracing {
  /** Serves a call of `method` (`package.Service/Method`), and follows all that `serve` begins. */
  run(method: string, headers: TraceHeaders, serve: () => void): void;
  /**
   * The trace of the call that the running code belongs to. Undefined outside of calls, for a call that is not recorded
   * and whose caller names no trace, and after the end of the call: what it leaves behind is no part of it.
   */
  readonly current: CallTrace | undefined;
}

/** That an event was stored in a stream. Times are Unix milliseconds. */
export interface Publication {
  /** Of the event. */
  readonly traceparent: string;
  readonly subject: string;
  readonly eventId: string;
  readonly startedAt: number;
  readonly endedAt: number;
}

/** Whether a span is recorded under this traceparent of Signet's own. */
export function isRecorded(traceparent: string): boolean {
  return traceparent.endsWith("-01");
}
