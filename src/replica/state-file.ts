import type { Place } from "../files/place.ts";
import { Problem } from "../problem/problem.ts";
import type { Fitness } from "./fitness.ts";

const RETRY_AFTER_MS = 5_000;

/**
 * The same fitness, but nothing is issued while the state's file is not in its place. The next start would know neither
 * the keys nor the revocations, and a second process could use the data folder. The file is looked at with each call of
 * `waitsFor`, of which there is one each second.
 */
export function requireStateFile(fitness: Fitness, file: Place): Fitness {
  let fault: string | undefined;

  function look(): void {
    try {
      file.look();
      fault = undefined;
    } catch (error) {
      fault = error instanceof Error ? error.message : String(error);
    }
  }

  return {
    ...fitness,
    waitsFor() {
      look();
      return fault === undefined ? fitness.waitsFor() : [...fitness.waitsFor(), `the state's file: ${fault}`];
    },
    requireFit() {
      fitness.requireFit();
      if (fault === undefined) return;
      const message = "this replica issues nothing: its state's file is not in its place";
      throw new Problem("KEYS_UNAVAILABLE", message, { retryAfterMs: RETRY_AFTER_MS });
    },
  };
}
