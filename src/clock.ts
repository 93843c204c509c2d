/** A clock that went back further than this is believed: standing still for longer would do more harm, in milliseconds. */
const LIMIT_MS = 60_000;

/** Steps that nobody needs to hear of: clocks are corrected by a few milliseconds all the time. */
const SILENT_MS = 1_000;

/** `behind`: how far back the clock went, in milliseconds. `held`: whether the time stands still until it has caught up. */
export interface StepBack {
  readonly behind: number;
  readonly held: boolean;
}

/**
 * A clock (Unix milliseconds) that does not go back with the one below it: no `iat` lies before one that was issued
 * already, what had expired stays expired, and no rotation is planned twice. It stands still while the clock below is
 * behind by at most a minute; beyond that it follows. Steps of a second and more are told, once each.
 */
export function createSteadyClock(now: () => number, steppedBack: (step: StepBack) => void): () => number {
  let last = Number.NEGATIVE_INFINITY;
  let told = false;

  return () => {
    const time = now();
    const behind = last - time;
    if (behind <= 0) {
      told = false;
      last = time;
      return time;
    }
    const held = behind <= LIMIT_MS;
    if (!held) last = time;
    if (behind >= SILENT_MS && !(held && told)) {
      told = held;
      steppedBack({ behind, held });
    }
    return last;
  };
}
