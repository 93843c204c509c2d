import type { Attributes, Context, Span, SpanContext, Tracer } from "@opentelemetry/api";
import type { CallFacts, CallTrace, Part } from "../trace/call-trace.ts";
import type { Libraries } from "./libraries.ts";
import { ATTRIBUTE, SERVER_ERRORS } from "./names.ts";

/**
 * The clock of one call, in Unix milliseconds with their fraction. The library starts each span at a whole millisecond,
 * so that parts would overlap, and end after their call.
 */
export function createCallTime(): () => number {
  const origin = Date.now() - performance.now();
  return () => origin + performance.now();
}

/** A call that is recorded: its span, and those of its parts. */
export class RecordedCall implements CallTrace {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceparent: string;
  ended = false;
  readonly #span: Span;
  readonly #context: Context;
  readonly #tracer: Tracer;
  readonly #api: Libraries["api"];
  readonly #time: () => number;
  #noted: CallFacts = {};

  /** `time`: that of {@link createCallTime} by which the span has started. */
  constructor(span: Span, tracer: Tracer, api: Libraries["api"], time: () => number) {
    const { traceId, spanId } = span.spanContext();
    this.traceId = traceId;
    this.spanId = spanId;
    this.traceparent = `00-${traceId}-${spanId}-01`;
    this.#span = span;
    this.#context = api.trace.setSpan(api.ROOT_CONTEXT, span);
    this.#tracer = tracer;
    this.#api = api;
    this.#time = time;
  }

  note(facts: CallFacts): void {
    this.#noted = { ...facts, ...this.#noted };
  }

  during<Result>(part: Part, work: () => Result, attributes: Attributes = {}): Result {
    const span = this.#tracer.startSpan(part, { attributes, startTime: this.#time() }, this.#context);
    const end = () => span.end(this.#time());
    const fail = (error: unknown) => {
      this.#markFailed(span, errorTypeOf(error));
      end();
    };
    try {
      const result = work();
      if (result instanceof Promise) result.then(end, fail);
      else end();
      return result;
    } catch (error) {
      fail(error);
      throw error;
    }
  }

  end(status: string, reason?: string): void {
    this.ended = true;
    const { caller, profile, reason: noted } = this.#noted;
    this.#set(ATTRIBUTE.rpcStatus, status);
    this.#set(ATTRIBUTE.caller, caller);
    this.#set(ATTRIBUTE.profile, profile);
    this.#set(ATTRIBUTE.reason, reason ?? noted);
    if (SERVER_ERRORS.has(status)) this.#markFailed(this.#span, status);
    this.#span.end(this.#time());
  }

  #set(name: string, value: string | undefined): void {
    if (value !== undefined) this.#span.setAttribute(name, value);
  }

  // Without a message: that of an error may name files, and is for the log.
  #markFailed(span: Span, errorType: string): void {
    span.setStatus({ code: this.#api.SpanStatusCode.ERROR });
    span.setAttribute(ATTRIBUTE.errorType, errorType);
  }
}

/** The code of an error, or the name of its class. */
function errorTypeOf(error: unknown): string {
  if (!(error instanceof Error)) return "_OTHER";
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}

/** A call that is not recorded, in a trace that its caller has named. */
export class NamedCall implements CallTrace {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceparent: string;
  ended = false;

  /** `spanId` is a new one: whoever changes the flag "sampled" must change it too (W3C Trace Context, 3.4). */
  constructor({ traceId }: SpanContext, spanId: string) {
    this.traceId = traceId;
    this.spanId = spanId;
    this.traceparent = `00-${traceId}-${spanId}-00`;
  }

  note(): void {}

  during<Result>(_part: Part, work: () => Result): Result {
    return work();
  }

  end(): void {
    this.ended = true;
  }
}
