import { backoff } from "../../async/backoff.ts";
import { pause } from "../../async/timeout.ts";
import { AuditError, type AuditErrorCode } from "../event.ts";
import { subjectOf } from "../event-header.ts";
import type { StoredEvent } from "../spool/reader.ts";
import type { Spool } from "../spool/spool.ts";
import {
  type EventSink,
  type Findings,
  type Outcome,
  type OutgoingEvent,
  SinkError,
  type SinkErrorCode,
  type StreamMark,
  type StreamUsage,
} from "./sink.ts";

/** What the forwarder reports to the service's log. */
export type ForwarderReport =
  | { readonly type: "audit.forwarding"; readonly created: string }
  | ({ readonly type: "audit.settings" } & Findings)
  | { readonly type: "audit.replaying"; readonly events: number }
  | {
      readonly type: "audit.retrying";
      readonly code: SinkErrorCode | AuditErrorCode | "INTERNAL";
      readonly message: string;
      readonly retryInMs: number;
    }
  | { readonly type: "audit.not-trimmed"; readonly message: string };

export interface ForwarderOptions {
  readonly spool: Pick<Spool, "read" | "changed" | "acknowledged" | "acknowledge" | "rewind" | "trim">;
  readonly sink: EventSink;
  /** From {@link durabilityHorizon}. */
  readonly horizonMs: number;
  /** Milliseconds of a monotonic clock. */
  readonly monotonic: () => number;
  /** Milliseconds until the stream is inspected again. Default: 30 s. */
  readonly inspectMs?: number | undefined;
  /** Jitter in [0, 1). */
  readonly random: () => number;
  /** MUST NOT throw. */
  readonly report: (report: ForwarderReport) => void;
  /** Called at each inspection of the stream. MUST NOT throw. */
  readonly onUsage?: ((usage: StreamUsage) => void) | undefined;
}

const GROUP_LIMIT = 256;
const INSPECT_MS = 30_000;
/** How often an idle forwarder checks for a new connection and for segments to trim. */
const IDLE_MS = 1000;

/**
 * Sends the spool's events to the sink, in order, a group at a time, until stopped. An event is retried until it is
 * stored. The acknowledged position moves only past events that are known to be stored: a failure costs duplicates,
 * never a loss.
 */
export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #stopping = new AbortController();
  readonly #aborted = new AbortController();
  readonly #done: Promise<void>;
  /** Events that are stored while an earlier one is not yet. */
  readonly #ahead = new Map<number, StreamMark>();
  #created = "";
  #inspected = 0;
  /** Whether `audit.forwarding` was reported since the last failure. */
  #announced = false;
  #settings: Findings = { refused: [], alarms: [] };
  #failures = 0;
  #trimmedAt = Number.NEGATIVE_INFINITY;
  #trimFault: string | undefined;

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#done = this.#run();
  }

  /** The connection over which the stream was last found fit to take events; 0 before. */
  get inspected(): number {
    return this.#inspected;
  }

  /** Forwards the events that are in the spool, for at most `deadlineMs` and until the first failure, and ends. */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopping.abort();
    const deadline = setTimeout(() => this.#aborted.abort(), Math.max(deadlineMs, 0));
    await this.#done;
    clearTimeout(deadline);
  }

  async #run(): Promise<void> {
    do {
      await this.#session().catch((error) => this.#retryLater(error));
    } while (!this.#stopping.signal.aborted);
  }

  // A session is one connection and one inspected stream. It ends as soon as either is in doubt.
  async #session(): Promise<void> {
    const { sink, spool, monotonic, inspectMs = INSPECT_MS } = this.#options;
    const connection = await sink.connected(this.#stopping.signal);
    if (!(await this.#inspect())) return pause(Math.min(inspectMs, IDLE_MS), this.#stopping.signal);
    this.#inspected = connection;
    const inspectedAt = monotonic();
    while (!this.#aborted.signal.aborted && monotonic() - inspectedAt < inspectMs) {
      if ((await sink.connected(this.#stopping.signal)) !== connection) return;
      const events = await spool.read(spool.acknowledged.position, GROUP_LIMIT);
      if (events.length > 0) await this.#send(events);
      this.#announce();
      await this.#trim();
      if (events.length === 0 && !(await this.#awaitMore())) return;
    }
  }

  /** Resolves to whether events may be published. */
  async #inspect(): Promise<boolean> {
    const { sink, spool, report, onUsage } = this.#options;
    const { created, holds, settings, usage } = await sink.inspect(spool.acknowledged.stream, this.#aborted.signal);
    if (usage !== undefined) onUsage?.(usage);
    const newlyRefused = settings.refused.length > 0 && this.#settings.refused.length === 0;
    // A stream that forgets has proven nothing: whatever is still here is kept, and published again once it is mended.
    if (!holds || newlyRefused) this.#replay();
    if (JSON.stringify(settings) !== JSON.stringify(this.#settings)) report({ type: "audit.settings", ...settings });
    this.#settings = settings;
    if (settings.refused.length > 0) return false;
    this.#announced &&= created === this.#created;
    this.#created = created;
    return true;
  }

  #announce(): void {
    if (this.#announced) return;
    this.#announced = true;
    this.#options.report({ type: "audit.forwarding", created: this.#created });
  }

  #replay(): void {
    this.#ahead.clear();
    const events = this.#options.spool.rewind();
    this.#options.report({ type: "audit.replaying", events });
  }

  async #send(events: readonly StoredEvent[]): Promise<void> {
    const pending = events.filter((event) => !this.#ahead.has(event.position));
    const outgoing = pending.map(toOutgoing);
    const outcomes = await this.#options.sink.publish(outgoing, this.#aborted.signal);
    this.#requireAdvance(outcomes);
    for (const [at, { position }] of pending.entries()) {
      const outcome = outcomes[at];
      const id = outgoing[at]?.id;
      if (outcome?.stored && id) this.#ahead.set(position, { created: this.#created, seq: outcome.seq, eventId: id });
    }
    this.#acknowledge(events);
    const failed = outcomes.find((outcome) => !outcome.stored);
    if (failed) throw new SinkError(failed.code, failed.message);
  }

  // A new message's sequence must be above the mark's. If not, the stream was replaced or rolled back, and these
  // acknowledgements prove nothing about earlier events. Where the events go to another stream now, numbers begin again.
  #requireAdvance(outcomes: readonly Outcome[]): void {
    const mark = this.#options.spool.acknowledged.stream;
    const marked = mark !== undefined && mark.created === this.#created ? mark.seq : 0;
    const back = outcomes.find((outcome) => outcome.stored && !outcome.duplicate && outcome.seq <= marked);
    if (back?.stored)
      throw new SinkError(
        "NO_STREAM",
        `the stream stored message ${back.seq} after message ${marked}: it was rolled back`,
      );
  }

  // Along what was read after the acknowledged position: where an operator has accepted a loss, numbers are missing.
  #acknowledge(events: readonly StoredEvent[]): void {
    const { spool } = this.#options;
    let { position, stream } = spool.acknowledged;
    for (const event of events) {
      const mark = this.#ahead.get(event.position);
      if (mark === undefined) break;
      this.#ahead.delete(event.position);
      ({ position } = event);
      stream = mark;
    }
    if (stream === undefined || position === spool.acknowledged.position) return;
    spool.acknowledge(position, stream);
    this.#failures = 0;
  }

  async #trim(): Promise<void> {
    const { spool, monotonic, horizonMs, report } = this.#options;
    if (monotonic() - this.#trimmedAt < IDLE_MS) return;
    this.#trimmedAt = monotonic();
    const before = this.#trimFault;
    this.#trimFault = await spool.trim(horizonMs).then(() => undefined, messageOf);
    // Once, however long it lasts.
    if (this.#trimFault !== undefined && this.#trimFault !== before) {
      report({ type: "audit.not-trimmed", message: this.#trimFault });
    }
  }

  async #awaitMore(): Promise<boolean> {
    const { spool } = this.#options;
    if (this.#stopping.signal.aborted) return false;
    await spool.changed(spool.acknowledged.position, this.#stopping.signal, IDLE_MS);
    return true;
  }

  async #retryLater(error: unknown): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    const { random, report } = this.#options;
    this.#announced = false;
    const retryInMs = backoff(++this.#failures, random());
    report({ type: "audit.retrying", code: codeOf(error), message: messageOf(error), retryInMs });
    await pause(retryInMs, this.#stopping.signal);
  }
}

function toOutgoing({ body, header }: StoredEvent): OutgoingEvent {
  const { id, type, time, writer, traceparent } = header;
  return { subject: subjectOf(header), id, type, time, writer, traceparent, body };
}

function codeOf(error: unknown): SinkErrorCode | AuditErrorCode | "INTERNAL" {
  return error instanceof SinkError || error instanceof AuditError ? error.code : "INTERNAL";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const MIN_HORIZON_MS = 60_000;

/**
 * How long an acknowledged event stays in the spool, in milliseconds. A server that syncs at intervals (`syncInterval`,
 * in milliseconds) loses the events acknowledged since its last sync when the power fails; twice the interval, and at
 * least a minute, covers that. A server that syncs before each acknowledgement (`always`) loses none, but the stream
 * may: for up to {@link INSPECT_MS} it may have settings by which it drops events before the forwarder notices.
 */
export function durabilityHorizon(syncInterval: number | "always"): number {
  return syncInterval === "always" ? MIN_HORIZON_MS : Math.max(2 * syncInterval, MIN_HORIZON_MS);
}
