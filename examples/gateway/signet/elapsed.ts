/** A point in time, as two clocks say it. */
export interface Instant {
  readonly monotonic: number;
  readonly wall: number;
}

export function instant(): Instant {
  return { monotonic: performance.now(), wall: Date.now() };
}

/**
 * The milliseconds since an instant, by the clock that says more. The monotonic clock can't be set, and stands still
 * while the machine sleeps; the wall clock goes on, and can be set. Where they differ, a lease ends too early.
 */
export function elapsedSince({ monotonic, wall }: Instant, now: Instant = instant()): number {
  return Math.max(now.monotonic - monotonic, now.wall - wall);
}
