import { createQueue } from "../../async/queue.ts";
import { KeyringError } from "../error.ts";
import type { RecordKind } from "../store/authenticated-record.ts";
import { type Epochs, openEpochs } from "../store/epochs.ts";
import { mayHideAnEpoch, nothingAuthentic, refusedEpoch, underUnknownKek } from "../store/obstacle.ts";
import { createStrayReport } from "../store/strays.ts";
import type { StoredEpoch, Survey } from "../store/survey.ts";
import { Vigil, Watchfulness } from "../store/vigil.ts";
import type { Postponed } from "./key-states.ts";
import { type CurrentRing, type LoadedRing, loadRing, loadSnapshot } from "./loaded-ring.ts";
import { createEpochCreator, type EpochCreator } from "./new-epoch.ts";
import type { KeyringOptions } from "./options.ts";
import { keysetRecords } from "./parse-record.ts";
import { type EpochPlan, planEmergency, planEpoch, planOverGarbage } from "./plan.ts";
import { type Decision, reconcile } from "./reconcile.ts";
import type { EpochRecord } from "./record.ts";

/** Returns the epoch to create after `ring`; undefined when none is needed. What it throws stops the change. */
export type PlanChange = (ring: EpochRecord, now: number) => EpochPlan | undefined;

/**
 * Keeps the ring of a keyset at the store's newest epoch, which it learns of by {@link RingKeeper.follow}, and makes
 * the epochs that are due. One operation runs at a time: two at once could each make a ring of their own from the same
 * epoch.
 */
export class RingKeeper {
  readonly #options: KeyringOptions;
  readonly #postponed: Postponed;
  readonly #kind: RecordKind<EpochRecord>;
  readonly #epochs: Epochs<EpochRecord>;
  readonly #takeStrays: (keys: readonly string[]) => void;
  readonly #creator: EpochCreator;
  readonly #queue = createQueue();
  readonly #watch = new Watchfulness();
  readonly #vigil = new Vigil(this.#watch);
  #current: CurrentRing | undefined;
  #obstacle: string | undefined;
  #snapshotError: unknown;
  /** The epoch below which all are emptied. */
  #prunedBelow = 0;

  private constructor(options: KeyringOptions, postponed: Postponed) {
    this.#options = options;
    this.#postponed = postponed;
    const { keyset, store, recordKeys, now, report } = options;
    this.#kind = keysetRecords(keyset);
    this.#epochs = openEpochs(this.#kind, store, recordKeys);
    this.#takeStrays = createStrayReport(now, (strays) => report({ type: "strays", keyset, ...strays }));
    this.#creator = createEpochCreator(options, this.#epochs, (record) => this.#load(record));
  }

  /**
   * Loads the newest epoch, and makes what is due; a keyset without epochs gets its first. Whatever the store holds or
   * fails to do, a ring from the snapshot or the store is enough to open: it verifies, and signs when it is known to be
   * the newest. Throws {@link KeyringError} without one, and never makes new keys over entries that it can't read.
   */
  static async open(options: KeyringOptions, postponed: Postponed): Promise<RingKeeper> {
    const keeper = new RingKeeper(options, postponed);
    await keeper.#loadSnapshot();
    await keeper.#update().catch((error) => {
      if (keeper.#current === undefined || !(error instanceof KeyringError)) throw error;
      keeper.#reportProblem(error);
    });
    return keeper;
  }

  get ring(): LoadedRing {
    return this.#opened.ring;
  }

  /**
   * Why nothing may sign, human-readable: the store holds, or may have held, a newer epoch that can't be used, and that
   * may revoke a key of the ring in use. Undefined: there is none.
   */
  get obstacle(): string | undefined {
    return this.#obstacle ?? (this.#vigil.mayHideAnEpoch ? this.#hiddenEpoch().message : undefined);
  }

  /** Milliseconds until {@link maintain} writes over garbage; Infinity when there is none. */
  get msUntilMending(): number {
    return this.#vigil.msUntilMending(this.#options.now());
  }

  /** Brings the ring up to date once. Rejects, and leaves the ring as it was, when the store or a key fails. */
  maintain(): Promise<void> {
    return this.#queue.run(async () => {
      await this.#update();
      await this.#prune();
    });
  }

  /** Makes the epoch that `plan` asks for after the newest one, for `caller`. Resolves to the record then in use. */
  change(plan: PlanChange, caller?: string): Promise<EpochRecord> {
    return this.#queue.run(async () => {
      for (let done = false; !done; ) {
        await this.#update();
        const next = plan(this.ring.record, this.#options.now());
        done = next === undefined || (await this.#create(next, caller));
      }
      await this.#makeDueEpochs();
      // The change is already made. If pruning fails, the next run removes the private keys left in earlier epochs.
      await this.#prune().catch((error) => this.#reportProblem(error));
      return this.ring.record;
    });
  }

  /** Yields whenever the store may hold something that {@link maintain} must look at, until the signal aborts. */
  follow(signal: AbortSignal): AsyncIterable<unknown> {
    const changes = this.#watch.follow(this.#options.store.watch(this.#kind.prefix, signal));
    return this.#epochs.newsIn(changes, () => this.#opened.stored);
  }

  /** Resolves when no operation is running. */
  idle(): Promise<void> {
    return this.#queue.idle();
  }

  async #update(): Promise<void> {
    await this.#catchUp();
    await this.#mend();
    await this.#makeDueEpochs();
  }

  async #catchUp(): Promise<void> {
    const { stretch } = this.#watch;
    const survey = await this.#epochs.survey(this.#current?.stored.epoch ?? 0);
    this.#takeStrays(survey.strays);
    this.#vigil.saw(survey.next, stretch, this.#options.now());
    await this.#apply(survey);
    this.#obstacle = undefined;
  }

  async #apply(survey: Survey): Promise<void> {
    const { highest } = survey;
    const { recordKeys } = this.#options;
    let decision: Decision;
    try {
      decision = this.#reconcile(highest);
      if (highest !== undefined && decision.type === "adopt") await this.#adopt(highest, decision);
      if (highest !== undefined && decision.type === "revokeAgain") await this.#revokeAgain(highest, decision);
      if (this.#current === undefined && survey.occupied) throw nothingAuthentic(this.#kind, survey, recordKeys);
      const unknown = underUnknownKek(this.#kind, survey, recordKeys);
      if (unknown !== undefined) throw unknown;
    } catch (error) {
      this.#obstacle = error instanceof KeyringError ? error.message : "its newest epoch can't be used";
      this.#vigil.doubt();
      throw error;
    }
    // Where garbage lies at the next place, an epoch is about to be written there. A restore that fails does not make
    // the ring outdated: the store holds nothing newer.
    const lost = decision.type === "restore" || !survey.stored;
    if (lost && survey.next === "free") await this.#restore(decision.type === "restore" ? decision.found : 0);
  }

  #reconcile(highest: StoredEpoch | undefined): Decision {
    const stored = highest && { ...highest, read: () => this.#epochs.read(highest) };
    return reconcile(this.#current, stored, this.#options.now());
  }

  async #adopt(stored: StoredEpoch, { record, dropped }: Extract<Decision, { type: "adopt" }>): Promise<void> {
    const { keyset, report } = this.#options;
    this.#reportCreated(stored);
    await this.#use({ stored, ring: await this.#load(record) });
    if (dropped.length > 0) report({ type: "dropped", keyset, epoch: record.epoch, kids: dropped });
  }

  /** Writes the ring in use back, byte for byte at its own epoch: other replicas may do the same at the same time. */
  async #restore(found: number): Promise<void> {
    const { keyset, report } = this.#options;
    const { stored } = this.#opened;
    if (await this.#epochs.create(stored, true)) report({ type: "restored", keyset, epoch: stored.epoch, found });
  }

  /**
   * Creates an epoch over garbage that has lain at the next place for long enough, even if none is due: numbers are
   * never skipped, and a replica that starts can't know whether the garbage hides an epoch.
   */
  async #mend(): Promise<void> {
    const { keyset, now, policy, report } = this.#options;
    if (!this.#vigil.obstructed) return;
    if (this.msUntilMending === 0 && this.#mayPlan()) {
      const plan = planOverGarbage(this.ring.record, now(), policy);
      if (await this.#create(plan)) report({ type: "mended", keyset, epoch: plan.epoch });
    }
    if (this.obstacle !== undefined) throw this.#hiddenEpoch();
  }

  #hiddenEpoch(): KeyringError {
    return mayHideAnEpoch(this.#kind, this.#opened.stored.epoch + 1);
  }

  /**
   * The store's epoch lacks a revocation, so it is never used: the key must not sign again. Revokes the key in the
   * epoch after it.
   */
  async #revokeAgain(
    stored: StoredEpoch,
    { record, kid, reason }: Extract<Decision, { type: "revokeAgain" }>,
  ): Promise<void> {
    const { keyset, policy, now, report } = this.#options;
    this.#reportCreated(stored);
    if (!this.#mayPlan()) throw new KeyringError("WAITING", `keyset ${keyset}: key ${kid} must still be revoked again`);
    report({ type: "unrevoked", keyset, epoch: record.epoch, kid });
    const plan = planEmergency(record, now(), policy, kid, reason);
    const created = plan && (await this.#creator.create(plan, record, this.#mayReplaceGarbage));
    if (created !== undefined) this.#vigil.mended();
    const next = await this.#epochs.survey(record.epoch);
    if ((next.highest?.epoch ?? 0) <= record.epoch)
      throw next.next === "free" ? refusedEpoch() : mayHideAnEpoch(this.#kind, record.epoch + 1);
    await this.#apply(next);
  }

  async #makeDueEpochs(): Promise<void> {
    const { now, policy, jwksMayBeCached } = this.#options;
    for (;;) {
      if (this.#current === undefined) this.#checkFirstEpoch();
      const record = this.#current?.ring.record;
      const plan = this.#mayPlan() ? planEpoch(record, now(), policy, jwksMayBeCached) : undefined;
      if (plan !== undefined) await this.#create(plan);
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

  #mayPlan(): boolean {
    return this.#options.mayPlan?.() ?? true;
  }

  /** Resolves to false when another replica was faster; the ring in use is then the one of that replica. */
  async #create(plan: EpochPlan, caller?: string): Promise<boolean> {
    const created = await this.#creator.create(plan, this.#current?.ring.record, this.#mayReplaceGarbage, caller);
    if (created === undefined) {
      await this.#catchUp();
    } else {
      this.#vigil.mended();
      this.#reportCreated(created.stored);
      await this.#use(created);
    }
    if ((this.#current?.stored.epoch ?? 0) < plan.epoch) throw refusedEpoch();
    return created !== undefined;
  }

  get #mayReplaceGarbage(): boolean {
    return this.#vigil.mayReplaceGarbage(this.#options.now());
  }

  /** Empties the epochs below the one in use. */
  async #prune(): Promise<void> {
    const { epoch } = this.#opened.stored;
    if (this.#prunedBelow === epoch) return;
    await this.#epochs.emptyBelow(epoch);
    this.#prunedBelow = epoch;
  }

  #load(record: EpochRecord): Promise<LoadedRing> {
    return loadRing(record, this.#options, this.#postponed);
  }

  async #loadSnapshot(): Promise<void> {
    const bytes = await this.#options.snapshot?.load();
    if (bytes === undefined) return;
    try {
      this.#current = await loadSnapshot(bytes, this.#options, this.#postponed);
    } catch (error) {
      this.#snapshotError = error;
      this.#reportProblem(error);
    }
  }

  async #use(current: CurrentRing): Promise<void> {
    this.#current = current;
    await this.#options.snapshot?.save(current.stored.bytes);
  }

  /** `open` ends with a ring or throws. */
  get #opened(): CurrentRing {
    if (this.#current === undefined) throw new Error("a ring keeper has no ring before it is open");
    return this.#current;
  }

  #reportCreated(stored: StoredEpoch): void {
    const event = this.#creator.takeEvent(stored);
    if (event !== undefined) this.#options.report(event);
  }

  #reportProblem(error: unknown): void {
    this.#options.report({ type: "problem", keyset: this.#options.keyset, error });
  }
}
