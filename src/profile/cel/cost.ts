/**
 * What one evaluation may cost. A unit is about the work of one operator or name, 50 ns: a whole budget is about 10 ms
 * of CPU, in which no other call is served. Every loop over one list of a request fits (8 KiB of JSON: at most 4096
 * items), and so do two nested loops over 100 items each.
 */
export const COST_LIMIT = 250_000;

/** An evaluation would cost more than it may. */
export class CostError extends Error {
  constructor() {
    super("the evaluation would cost too much");
    this.name = "CostError";
  }
}

/**
 * Counts what an evaluation costs, in work and not in time: the same values cost the same on every machine, at any
 * load. Evaluations don't overlap, so those of a profile share one meter.
 */
export interface CostMeter {
  /** Begins an evaluation with a whole budget. */
  start(): void;
  /** Called before the work. Throws {@link CostError} when the budget does not cover it, and from then on each time. */
  spend(units: number): void;
  readonly isOver: boolean;
}

export function createCostMeter(limit: number): CostMeter {
  let left = limit;
  return {
    start() {
      left = limit;
    },
    spend(units) {
      left -= units;
      if (left < 0) throw new CostError();
    },
    get isOver() {
      return left < 0;
    },
  };
}
