import type { Goal } from "../goals.ts";
import type { Options } from "../options.ts";

/** What a table measures with. */
export interface Bench {
  readonly options: Options;
  /** Its own, empty at first. */
  readonly folder: string;
  /** Runs the wanted number of rounds, and resolves with the results of those in which the machine was quiet. */
  rounds<Result>(round: (number: number) => Promise<Result>): Promise<readonly Result[]>;
}

/** What was measured. */
export interface Measured {
  /** The rows as JSON. */
  readonly data: unknown;
  readonly text: string;
  readonly goals?: readonly Goal[];
}

/** The same rounds with `before` at the beginning of each, and what it yielded in those that are kept. */
export function beforeRounds<Before>(bench: Bench, before: () => Promise<Before>): { bench: Bench; kept: Before[] } {
  const kept: Before[] = [];
  const rounds: Bench["rounds"] = async (round) => {
    const results = await bench.rounds(async (number) => ({ before: await before(), result: await round(number) }));
    kept.push(...results.map((each) => each.before));
    return results.map(({ result }) => result);
  };
  return { bench: { ...bench, rounds }, kept };
}

/** Yields one or more parts, each as soon as it is measured. */
export type Table = (bench: Bench) => AsyncIterable<Measured>;
