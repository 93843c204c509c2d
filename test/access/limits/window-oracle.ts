import type { Rate } from "../../../src/access/limits/rate.ts";

/**
 * What a limit means, without any algorithm: in every window of time there are at most `burst` and one more for each
 * interval that has passed. It remembers everything.
 */
export class WindowOracle {
  readonly #accepted: number[] = [];

  allows({ intervalNs, burst }: Rate, now: number): boolean {
    return this.#accepted.every((start, at) => {
      const within = this.#accepted.length - at + 1;
      return (within - burst) * intervalNs <= now - start;
    });
  }

  accept(now: number): void {
    this.#accepted.push(now);
  }

  /** Whether nothing that was accepted matters any more: a whole burst is allowed at once. */
  isFull({ intervalNs }: Rate, now: number): boolean {
    return this.#accepted.every((start, at) => (this.#accepted.length - at) * intervalNs <= now - start);
  }
}
