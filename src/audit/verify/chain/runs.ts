import { type ChainPlace, comparePlaces } from "../place.ts";
import type { Epoch } from "./epoch.ts";
import type { Run } from "./places.ts";

/** Events of one epoch that follow one another without a gap. */
export interface ChainRun extends Run {
  readonly epoch: number;
}

/** All runs of a chain, in its order. */
export function runsOf(epochs: ReadonlyMap<number, Epoch>): ChainRun[] {
  const ordered = [...epochs].toSorted(([left], [right]) => left - right);
  return ordered.flatMap(([epoch, { places }]) => Array.from(places.runs(), (run) => ({ ...run, epoch })));
}

/** The last place before this one that has an event. */
export function placeBefore(place: ChainPlace, runs: readonly ChainRun[]): ChainPlace | undefined {
  const run = runs.findLast(({ epoch, from }) => comparePlaces({ epoch, seq: from }, place) < 0);
  if (run === undefined) return undefined;
  return { epoch: run.epoch, seq: run.epoch === place.epoch ? Math.min(run.to, place.seq - 1) : run.to };
}
