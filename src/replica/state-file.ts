import { observe, type Place } from "../files/place.ts";
import { Problem } from "../problem/problem.ts";
import type { Fitness } from "./fitness.ts";

const RETRY_AFTER_MS = 5_000;

/**
 * The same fitness, but nothing is issued while the state's file is not in its place. The next start would know neither
 * the keys nor the revocations, and a second process could use the data folder. Each call of `waitsFor`, of which there
 * is one each second, begins a look at the file.
 */
export function requireStateFile(fitness: Fitness, file: Pick<Place, "lookAsync">): Fitness {
  const observed = observe(file);
  return {
    ...fitness,
    waitsFor() {
      observed.look();
      const { fault } = observed;
      return fault === undefined ? fitness.waitsFor() : [...fitness.waitsFor(), `the state's file: ${fault}`];
    },
    requireFit() {
      fitness.requireFit();
      if (observed.fault === undefined) return;
      const message = "this replica issues nothing: its state's file can't be used";
      throw new Problem("KEYS_UNAVAILABLE", message, { retryAfterMs: RETRY_AFTER_MS });
    },
  };
}
