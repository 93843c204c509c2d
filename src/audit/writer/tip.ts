import { type Head, startEpoch } from "../chain.ts";
import type { IdentityKeeper, TreeEnd } from "../spool/identity.ts";
import type { Tip } from "../spool/link-group.ts";
import { EMPTY_EDGE, rootOf } from "../tree/edge.ts";
import type { TreeHash } from "../tree/hash.ts";
import type { LogKey, Successor, WriterLog } from "./log.ts";

/** What a checkpoint of a writer's log may state: the first `size` events have this tree hash. */
export interface Checkpointable extends LogKey {
  readonly writer: string;
  readonly size: number;
  readonly root: TreeHash;
  /** The number of the last of these events in the spool. */
  readonly position: number;
}

/** Where a spool's log goes on, and whose it is: behind the last durable event. */
export class WriterTip {
  readonly #identity: IdentityKeeper;
  #head: Head;
  #end: TreeEnd;
  #successor: Successor | undefined;

  constructor(identity: IdentityKeeper, end: TreeEnd) {
    this.#identity = identity;
    this.#end = end;
    this.#head = this.#newHead();
  }

  /** What the next events are linked to. */
  get tip(): Tip {
    return { head: this.#head, edge: this.#end.edge, next: this.#end.next };
  }

  get end(): TreeEnd {
    return this.#end;
  }

  /** The log whose first event is still to be written. */
  get unopened(): WriterLog | undefined {
    return this.#end.edge.size === 0 ? this.#identity.current.log : undefined;
  }

  /** The writer's log, of which every event is durable. */
  checkpointable(): Checkpointable {
    const { writer, log } = this.#identity.current;
    const { edge, next } = this.#end;
    const { origin = "", verifierKey = "" } = log ?? {};
    return { writer, origin, verifierKey, size: edge.size, root: rootOf(edge), position: next - 1 };
  }

  /** The events that were linked up to this tip are durable. */
  reached({ head, edge, next }: Tip): void {
    this.#head = head;
    this.#end = { next, prevHash: head.prevHash, edge };
  }

  /**
   * Durably takes the next epoch, which {@link enterEpoch} begins: no place of this one may be used twice. Rejects with
   * UNAVAILABLE.
   */
  takeEpoch(): Promise<void> {
    return this.#identity.change(() => ({ ...this.#end, epoch: this.#head.epoch + 1 }));
  }

  enterEpoch(): void {
    this.#head = this.#newHead();
  }

  /** From now on nothing may be written before {@link succeed}: the log of the writer is closed. */
  closed(successor: Successor): void {
    this.#successor = successor;
  }

  /** Whether the log is closed and another one is to begin. */
  get isClosed(): boolean {
    return this.#successor !== undefined;
  }

  /** Whether the log that is closed ends here: one that is behind its checkpoint has its end elsewhere. */
  get isEndToSign(): boolean {
    return this.#successor?.log?.reason === "KEY_ROTATED";
  }

  /** Durably begins the log of the successor, if there is one. Rejects with UNAVAILABLE, and then may be called again. */
  async succeed(): Promise<Successor | undefined> {
    const successor = this.#successor;
    if (successor === undefined) return undefined;
    const begun = () => ({ ...this.#end, edge: EMPTY_EDGE });
    await this.#identity.change(
      () => ({ ...begun(), ...successor, epoch: 1 }),
      () => {
        this.#end = begun();
        this.enterEpoch();
        this.#successor = undefined;
      },
    );
    return successor;
  }

  // A writer's first event links to none, though those of the writer before precede it in the spool.
  #newHead(): Head {
    const { writer, epoch } = this.#identity.current;
    const { prevHash, edge } = this.#end;
    return startEpoch(writer, epoch, edge.size === 0 ? new Uint8Array() : prevHash);
  }
}
