import type {
  EventSink,
  Findings,
  Outcome,
  OutgoingEvent,
  StreamMark,
  StreamState,
} from "../../../src/audit/forward/sink.ts";

/** An in-memory sink whose stream can fail and be lost. Its tests prove that it follows the contract of the port. */
export class MemorySink implements EventSink {
  readonly stored: OutgoingEvent[] = [];
  /** The ids that are refused. */
  readonly refused = new Set<string>();
  /** What an inspection finds. */
  settings: Findings = { refused: [], alarms: [] };
  #created = 1;

  /** Deletes the stream, as an operator or a broken disk might. */
  lose(): void {
    this.stored.length = 0;
    this.#created++;
  }

  connected(): Promise<number> {
    return Promise.resolve(1);
  }

  inspect(mark: StreamMark | undefined): Promise<StreamState> {
    const created = String(this.#created);
    const marked = mark && this.stored[mark.seq - 1]?.id === mark.eventId && mark.created === created;
    return Promise.resolve({ created, holds: mark === undefined || marked === true, settings: this.settings });
  }

  publish(events: readonly OutgoingEvent[], signal: AbortSignal): Promise<readonly Outcome[]> {
    return Promise.resolve(events.map((event) => this.#store(event, signal)));
  }

  #store(event: OutgoingEvent, signal: AbortSignal): Outcome {
    if (signal.aborted) return { stored: false, code: "TIMEOUT", message: "aborted" };
    if (this.refused.has(event.id)) return { stored: false, code: "REFUSED", message: "refused by the test" };
    const known = this.stored.findIndex(({ id }) => id === event.id);
    if (known >= 0) return { stored: true, seq: known + 1, duplicate: true };
    return { stored: true, seq: this.stored.push(event), duplicate: false };
  }
}
