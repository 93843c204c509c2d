import { isRecorded, type Publication } from "../../trace/call-trace.ts";
import type { EventSink } from "./sink.ts";

/** Clocks, in milliseconds. The one that can be set says when a publication began, the other how long it took. */
export interface Clocks {
  readonly now: () => number;
  readonly monotonic: () => number;
}

/**
 * The same sink, which reports every event that it stores under a recorded call. All events of a group begin and end
 * together. `report` MUST NOT throw.
 */
export function timedSink(
  sink: EventSink,
  report: (publications: readonly Publication[]) => void,
  { now, monotonic }: Clocks,
): EventSink {
  return {
    connected: (signal) => sink.connected(signal),
    inspect: (mark, signal) => sink.inspect(mark, signal),
    async publish(events, signal) {
      const startedAt = now();
      const start = monotonic();
      const outcomes = await sink.publish(events, signal);
      const endedAt = startedAt + monotonic() - start;
      const publications = events
        .filter(({ traceparent }, at) => isRecorded(traceparent) && outcomes[at]?.stored)
        .map(({ traceparent, subject, id }) => ({ traceparent, subject, eventId: id, startedAt, endedAt }));
      if (publications.length > 0) report(publications);
      return outcomes;
    },
  };
}
