/** A step back further than this is followed, because standing still for longer would do more harm. Milliseconds. */
const LIMIT_MS = 60_000;

/** Shorter steps are not reported: clocks are corrected by a few milliseconds all the time. */
const SILENT_MS = 1_000;

/**
 * `behind`: how far back the clock went, in milliseconds. `held`: whether time stands still until the clock catches up.
 */
export interface StepBack {
  readonly behind: number;
  readonly held: boolean;
}

/**
 * A clock in Unix milliseconds that does not step back with the machine's clock `now`: no `iat` is earlier than one
 * already issued, expired tokens stay expired, and no rotation is planned twice. It stands still while `now` is behind
 * by at most a minute; beyond that it follows. Steps of a second and more are reported, each once.
 */
export function createSteadyClock(now: () => number, onStepBack: (step: StepBack) => void): () => number {
  let last = Number.NEGATIVE_INFINITY;
  let reported = false;

  return () => {
    const time = now();
    const behind = last - time;
    if (behind <= 0) {
      reported = false;
      last = time;
      return time;
    }
    const held = behind <= LIMIT_MS;
    if (!held) last = time;
    if (behind >= SILENT_MS && !(held && reported)) {
      reported = held;
      onStepBack({ behind, held });
    }
    return last;
  };
}
