import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { Identity } from "../spool/identity.ts";
import { type Edge, EMPTY_EDGE, grow, rootOf } from "../tree/edge.ts";
import { leafHash } from "../tree/hash.ts";

/** A writer's tree as it is made again when its spool is opened: from the stored edge, by the events behind it. */
export class RecoveredTree {
  readonly #checkpoint: Checkpoint | undefined;
  /** The number of the first event that is not in the stored edge. */
  readonly #from: number;
  #edge: Edge;
  #isOther: boolean;

  constructor(identity: Identity | undefined, checkpoint: Checkpoint | undefined) {
    this.#checkpoint = checkpoint;
    this.#from = identity?.next ?? 1;
    this.#edge = identity?.edge ?? EMPTY_EDGE;
    this.#isOther = this.#differs();
  }

  get edge(): Edge {
    return this.#edge;
  }

  /** Whether the leaves are others than those of the checkpoint. */
  get isOther(): boolean {
    return this.#isOther;
  }

  /** Adds the event with this number, unless the stored edge has it, or an earlier writer. */
  add(number: number, body: Uint8Array): void {
    if (number < this.#from) return;
    this.#edge = grow(this.#edge, leafHash(body));
    this.#isOther ||= this.#differs();
  }

  #differs(): boolean {
    const checkpoint = this.#checkpoint;
    return checkpoint?.size === this.#edge.size && !rootOf(this.#edge).equals(checkpoint.root);
  }
}
