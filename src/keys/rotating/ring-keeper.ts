import { createQueue } from "../../async/queue.ts";
import type { Caller } from "../../caller.ts";
import { KeyringError } from "../error.ts";
import type { Postponed } from "./key-states.ts";
import type { LoadedRing } from "./loaded-ring.ts";
import type { KeyringOptions } from "./options.ts";
import { type EpochPlan, planEpoch, planOverGarbage, planUnchanged } from "./plan.ts";
import type { EpochRecord } from "./record.ts";
import { RingInUse } from "./ring-in-use.ts";

/** Returns the epoch to create after `ring`; undefined when none is needed. What it throws stops the change. */
export type PlanChange = (ring: EpochRecord, now: number) => EpochPlan | undefined;

/**
 * Keeps the ring of a keyset at the store's newest epoch, which it learns of by {@link RingKeeper.follow}, and makes
 * the epochs that are due. One operation runs at a time: two at once could each make a ring of their own from the same
 * epoch.
 */
export class RingKeeper {
  readonly #options: KeyringOptions;
  readonly #queue = createQueue();
  readonly #inUse: RingInUse;
  #snapshotError: unknown;

  private constructor(options: KeyringOptions, postponed: Postponed) {
    this.#options = options;
    this.#inUse = new RingInUse(options, postponed);
  }

  /**
   * Loads the newest epoch, and makes what is due; a keyset without epochs gets its first. Whatever the store holds or
   * fails to do, a ring from the snapshot or the store is enough to open: it verifies, and signs when it is known to be
   * the newest. Throws {@link KeyringError} without one, and never makes new keys over entries that it can't read.
   */
  static async open(options: KeyringOptions, postponed: Postponed): Promise<RingKeeper> {
    const keeper = new RingKeeper(options, postponed);
    try {
      await keeper.#loadSnapshot();
      await keeper.#update();
      await keeper.#sealRetired();
    } catch (error) {
      if (keeper.#inUse.ring === undefined || !(error instanceof KeyringError)) {
        await keeper.close();
        throw error;
      }
      keeper.#reportProblem(error);
    }
    return keeper;
  }

  get ring(): LoadedRing {
    // `open` ends with a ring or throws.
    if (this.#inUse.ring === undefined) throw new Error("a ring keeper has no ring before it is open");
    return this.#inUse.ring;
  }

  /** Why nothing may sign, as {@link RingInUse.obstacle}, human-readable. */
  get obstacle(): string | undefined {
    return this.#inUse.obstacle?.message;
  }

  /** Milliseconds until {@link maintain} writes over garbage; Infinity when there is none. */
  get msUntilMending(): number {
    return this.#inUse.msUntilMending;
  }

  /** Brings the ring up to date once. Rejects, and leaves the ring as it was, when the store or a key fails. */
  maintain(): Promise<void> {
    return this.#queue.run(async () => {
      await this.#update();
      await this.#inUse.prune();
    });
  }

  /** Makes the epoch that `plan` asks for after the newest one, for `caller`. Resolves to the record then in use. */
  change(plan: PlanChange, caller?: Caller): Promise<EpochRecord> {
    return this.#queue.run(async () => {
      for (let done = false; !done; ) {
        await this.#update();
        const next = plan(this.ring.record, this.#options.now());
        done = next === undefined || (await this.#inUse.create(next, caller));
      }
      await this.#makeDueEpochs();
      // The change is already made. If pruning fails, the next run removes the private keys left in earlier epochs.
      await this.#inUse.prune().catch((error) => this.#reportProblem(error));
      return this.ring.record;
    });
  }

  /** Yields whenever the store may hold something that {@link maintain} must look at, until the signal aborts. */
  follow(signal: AbortSignal): AsyncIterable<unknown> {
    return this.#inUse.follow(signal);
  }

  /** Resolves when no operation is running, and the private keys are destroyed. Nothing signs or changes any more. */
  async close(): Promise<void> {
    await this.#queue.idle();
    this.#inUse.close();
  }

  async #update(): Promise<void> {
    await this.#inUse.catchUp();
    await this.#mend();
    await this.#makeDueEpochs();
  }

  /**
   * Creates an epoch over garbage that has lain at the next place for long enough, even if none is due: numbers are
   * never skipped, and a replica that starts can't know whether the garbage hides an epoch.
   */
  async #mend(): Promise<void> {
    const { keyset, now, policy, report } = this.#options;
    if (!this.#inUse.obstructed) return;
    if (this.msUntilMending === 0 && this.#mayPlan()) {
      const plan = planOverGarbage(this.ring.record, now(), policy);
      if (await this.#inUse.create(plan)) report({ type: "mended", keyset, epoch: plan.epoch });
    }
    const { obstacle } = this.#inUse;
    if (obstacle !== undefined) throw obstacle;
  }

  async #makeDueEpochs(): Promise<void> {
    const { now, policy, jwksMayBeCached } = this.#options;
    for (;;) {
      const record = this.#inUse.ring?.record;
      if (record === undefined) this.#checkFirstEpoch();
      const plan = this.#mayPlan() ? planEpoch(record, now(), policy, jwksMayBeCached) : undefined;
      if (plan !== undefined) await this.#inUse.create(plan);
      else if (record !== undefined) return;
    }
  }

  #checkFirstEpoch(): void {
    // The keys of a snapshot that can't be read must not be replaced by new ones.
    if (this.#snapshotError !== undefined) throw this.#snapshotError;
    const { keyset, noFirstKeys } = this.#options;
    if (noFirstKeys !== undefined) throw new KeyringError("WAITING", `keyset ${keyset} has no keys: ${noFirstKeys}`);
    if (!this.#mayPlan())
      throw new KeyringError("WAITING", `keyset ${keyset} has no keys yet, and none may be made now`);
  }

  /**
   * Seals a retired ring under a new KEK, since it has no next epoch that would be. Only at the start: replicas that
   * have two KEKs in another order would do it in turns.
   */
  async #sealRetired(): Promise<void> {
    const { retired, now, mayPlan = () => true } = this.#options;
    if (!retired || this.#inUse.isUnderCurrentKek || !mayPlan()) return;
    await this.#inUse.create(planUnchanged(this.ring.record, now()));
  }

  #mayPlan(): boolean {
    return this.#options.retired !== true && (this.#options.mayPlan?.() ?? true);
  }

  async #loadSnapshot(): Promise<void> {
    const bytes = await this.#options.snapshot?.load();
    if (bytes === undefined) return;
    try {
      await this.#inUse.takeSnapshot(bytes);
    } catch (error) {
      this.#snapshotError = error;
      this.#reportProblem(error);
    }
  }

  #reportProblem(error: unknown): void {
    this.#options.report({ type: "problem", keyset: this.#options.keyset, error });
  }
}
