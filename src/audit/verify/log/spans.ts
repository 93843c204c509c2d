import type { Epoch } from "../chain/epoch.ts";
import { KNOWN } from "../chain/places.ts";
import type { ChainRun } from "../chain/runs.ts";
import type { WriterChain } from "../chain/writer-chain.ts";
import { type Finding, placedFault } from "../fault.ts";
import type { ChainPlace } from "../place.ts";

/** Events that follow one another in a log: those of a run. */
export interface LogSpan extends ChainRun {
  /** The log index of the first of them. */
  readonly index: number;
}

/** The spans of a writer's log, in order. There are none for a writer of a version that had no log. */
export function spansOf(chain: WriterChain, runs: readonly ChainRun[]): LogSpan[] {
  // A run may be one event alone, and an epoch may have as many offsets as runs: each epoch is asked once.
  const usual = new Map(Array.from(chain.epochs, ([number, { offsets }]) => [number, offsets.usual()]));
  return runs.flatMap((run) => {
    const offset = usual.get(run.epoch);
    return offset === undefined ? [] : [{ ...run, index: run.from + offset }];
  });
}

/** The place of the event with this log index. */
export function placeAt(spans: readonly LogSpan[], index: number): ChainPlace | undefined {
  const span = spans.find(({ index: first, from, to }) => index >= first && index <= first + to - from);
  return span && { epoch: span.epoch, seq: span.from + index - span.index };
}

/** The index behind the last event. */
export function endOf(spans: readonly LogSpan[]): number {
  return Math.max(0, ...spans.map(({ index, from, to }) => index + to - from + 1));
}

/** How many events that were read in this run the first `size` leaves have. */
export function countRead(chain: WriterChain, spans: readonly LogSpan[], size: number): number {
  const counts = spans.map(({ epoch, from, to, index }) => {
    const count = Math.max(0, Math.min(to - from + 1, size - index));
    return count > 0 && chain.epoch(epoch).places.at(from) === KNOWN ? count - 1 : count;
  });
  return counts.reduce((total, count) => total + count, 0);
}

/** The epochs of a log whose events have no index: a writer that has a log gives each event one. */
export function* unindexedFaults(chain: WriterChain): Generator<Finding> {
  for (const [epoch, { offsets }] of chain.epochs) {
    const event = offsets.unindexed();
    if (event === undefined) continue;
    const place = { epoch, seq: event.seq };
    const fault = placedFault(chain, "LOG_INDEX", place, "it has no log index, and its writer has a log");
    yield { fault: { ...fault, eventId: event.eventId, at: event.at }, doubt: place };
  }
}

/** Events whose index is not that of their place, and epochs whose indexes do not go on where the one before ended. */
export function* indexFaults(chain: WriterChain, spans: readonly LogSpan[]): Generator<Finding> {
  if (spans.length === 0) return;
  for (const [number, epoch] of chain.epochs) yield* oddIndexes(chain, number, epoch);
  for (const [number, { epoch, from, index }] of spans.entries()) {
    const before = spans[number - 1];
    if (before === undefined || before.epoch === epoch) continue;
    const next = before.index + before.to - before.from + 1;
    // Where the epoch's first events are missing too, the gap has its fault already.
    if (index === next || from > 1) continue;
    const place = { epoch, seq: from };
    const message = `its log index is ${index}; the event before it, at epoch ${before.epoch} seq ${before.to}, has \
${next - 1}`;
    const at = chain.epoch(epoch).places.at(from);
    yield { fault: { ...placedFault(chain, "LOG_INDEX", place, message), at }, doubt: place };
  }
}

function* oddIndexes(chain: WriterChain, number: number, { offsets }: Epoch): Generator<Finding> {
  const usual = offsets.usual();
  for (const { seq, eventId, at, index } of offsets.odd()) {
    const place = { epoch: number, seq };
    const has = index === undefined ? "it has no log index" : `its log index is ${index}`;
    const message = `${has}; ${usual === undefined ? "the others have none" : `its place gives ${seq + usual}`}`;
    yield { fault: { ...placedFault(chain, "LOG_INDEX", place, message), eventId, at }, doubt: place };
  }
}
