import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";

/** The same work on one core, in milliseconds. */
export interface Spin {
  /** Grows when another process has the core, or another machine on the same host. */
  readonly wall: number;
  readonly cpu: number;
}

/**
 * Tells whether the machine is quiet: a fixed loop runs on every core at once, and the slowest must end within `noise`
 * percent above the least CPU that the loop ever took. CPU, since on a machine that is never quiet no wall time is good.
 */
export class Quiet {
  readonly #limit: number;
  readonly #spin: () => Promise<readonly Spin[]>;
  #best = Number.POSITIVE_INFINITY;

  constructor(noise: number, spin: () => Promise<readonly Spin[]> = spinOnEveryCore) {
    this.#limit = 1 + noise / 100;
    this.#spin = spin;
  }

  readonly isQuiet = async (): Promise<boolean> => {
    const spins = await this.#spin();
    this.#best = Math.min(this.#best, ...spins.map(({ cpu }) => cpu));
    return Math.max(...spins.map(({ wall }) => wall)) <= this.#limit * this.#best;
  };
}

function spinOnEveryCore(): Promise<readonly Spin[]> {
  return Promise.all(Array.from({ length: availableParallelism() }, spinInThread));
}

function spinInThread(): Promise<Spin> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./spin-thread.ts", import.meta.url));
    worker.once("message", resolve);
    worker.once("error", reject);
  });
}
