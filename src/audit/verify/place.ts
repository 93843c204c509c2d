import type { Edge } from "../tree/edge.ts";

/** The place of an event in its writer's chain. */
export interface ChainPlace {
  readonly epoch: number;
  readonly seq: number;
}

/** Orders places as the chain does. */
export function comparePlaces(left: ChainPlace, right: ChainPlace): number {
  return left.epoch - right.epoch || left.seq - right.seq;
}

export function placeOf({ epoch, seq }: ChainPlace): ChainPlace {
  return { epoch, seq };
}

/** An event of a chain by its place and the SHA-256 of its body: who knows it knows all events before it. */
export interface Vouched extends ChainPlace {
  /** In base64, as `prevHash` in the body of the next event has it. */
  readonly hash: string;
}

/** The end of a chain that an earlier run has seen. */
export interface KnownEnd extends Vouched {
  /** That of the writer's log after the event. Undefined where the run could not know it. */
  readonly edge: Edge | undefined;
}
