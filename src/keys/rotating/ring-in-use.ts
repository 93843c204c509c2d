import type { Caller } from "../../caller.ts";
import type { Change } from "../../state/keyvalue.ts";
import { KeyringError } from "../error.ts";
import { isUnderCurrent, type RecordKind } from "../store/authenticated-record.ts";
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
import { type EpochPlan, planEmergency } from "./plan.ts";
import { type Decision, reconcile } from "./reconcile.ts";
import type { EpochRecord } from "./record.ts";

/**
 * The ring of a keyset that this replica uses, beside what the store holds: takes newer epochs from the store, puts
 * back what the store has lost, and knows when the store may hold an epoch that can't be used. It decides on no new
 * epoch, except to revoke a key again. One operation at a time.
 */
export class RingInUse {
  readonly #options: KeyringOptions;
  readonly #postponed: Postponed;
  readonly #kind: RecordKind<EpochRecord>;
  readonly #epochs: Epochs<EpochRecord>;
  readonly #takeStrays: (keys: readonly string[]) => void;
  readonly #creator: EpochCreator;
  readonly #watch = new Watchfulness();
  readonly #vigil = new Vigil(this.#watch);
  #current: CurrentRing | undefined;
  #obstacle: KeyringError | undefined;
  /** The epoch below which all are emptied. */
  #prunedBelow = 0;

  constructor(options: KeyringOptions, postponed: Postponed) {
    this.#options = options;
    this.#postponed = postponed;
    const { keyset, store, recordKeys, now, report } = options;
    this.#kind = keysetRecords(keyset);
    this.#epochs = openEpochs(this.#kind, store, recordKeys);
    this.#takeStrays = createStrayReport(now, (strays) => report({ type: "strays", keyset, ...strays }));
    this.#creator = createEpochCreator(options, this.#epochs, (record) => this.#load(record));
  }

  /** Undefined: there is none yet. */
  get ring(): LoadedRing | undefined {
    return this.#current?.ring;
  }

  /**
   * Why nothing may sign: the store holds, or may have held, a newer epoch that can't be used, and that may revoke a
   * key of the ring. Undefined: there is none.
   */
  get obstacle(): KeyringError | undefined {
    return this.#obstacle ?? (this.#vigil.mayHideAnEpoch ? mayHideAnEpoch(this.#kind, this.#epoch + 1) : undefined);
  }

  /** Whether the epoch in use was written under the first of the KEKs. */
  get isUnderCurrentKek(): boolean {
    return isUnderCurrent(this.#opened.stored.bytes, this.#options.recordKeys);
  }

  /** Whether garbage lies at the place of the next epoch. */
  get obstructed(): boolean {
    return this.#vigil.obstructed;
  }

  /** Milliseconds until an epoch must be written over garbage; Infinity when there is none. */
  get msUntilMending(): number {
    return this.#vigil.msUntilMending(this.#options.now());
  }

  /** Uses the ring of a snapshot. Rejects when it can't be read. */
  async takeSnapshot(bytes: Uint8Array): Promise<void> {
    this.#take(await loadSnapshot(bytes, this.#options, this.#postponed));
  }

  /** Brings the ring and the store together. Rejects, and leaves the ring as it was, when the store or a key fails. */
  async catchUp(): Promise<void> {
    const { stretch } = this.#watch;
    const survey = await this.#epochs.survey(this.#epoch);
    this.#takeStrays(survey.strays);
    this.#vigil.saw(survey.next, stretch, this.#options.now());
    await this.#apply(survey);
    this.#obstacle = undefined;
  }

  /**
   * Creates an epoch and uses it. Resolves to false when another replica was faster; the ring is then the one of that
   * replica.
   */
  async create(plan: EpochPlan, caller?: Caller): Promise<boolean> {
    const created = await this.#creator.create(plan, this.ring?.record, this.#mayReplaceGarbage, caller);
    if (created === undefined) {
      await this.catchUp();
    } else {
      this.#vigil.mended();
      this.#reportCreated(created.stored);
      await this.#use(created);
    }
    if (this.#epoch < plan.epoch) throw refusedEpoch();
    return created !== undefined;
  }

  /** Ends the private keys of the ring in use. */
  close(): void {
    this.#current?.ring.close();
  }

  /** Empties the epochs below the one in use. */
  async prune(): Promise<void> {
    if (this.#prunedBelow === this.#epoch) return;
    await this.#epochs.emptyBelow(this.#epoch);
    this.#prunedBelow = this.#epoch;
  }

  /** Yields whenever the store may hold something that {@link catchUp} must look at, until the signal aborts. */
  follow(signal: AbortSignal): AsyncIterable<Change> {
    const changes = this.#watch.follow(this.#options.store.watch(this.#kind.prefix, signal));
    return this.#epochs.newsIn(changes, () => this.#opened.stored);
  }

  /** 0: there is none yet. */
  get #epoch(): number {
    return this.#current?.stored.epoch ?? 0;
  }

  get #opened(): CurrentRing {
    if (this.#current === undefined) throw new Error("there is no ring yet");
    return this.#current;
  }

  get #mayReplaceGarbage(): boolean {
    return this.#vigil.mayReplaceGarbage(this.#options.now());
  }

  async #apply(survey: Survey): Promise<void> {
    const { highest } = survey;
    let decision: Decision;
    try {
      decision = this.#reconcile(highest);
      if (highest !== undefined && decision.type === "adopt") await this.#adopt(highest, decision);
      if (highest !== undefined && decision.type === "revokeAgain") await this.#revokeAgain(highest, decision);
      this.#refuseUnusable(survey);
    } catch (error) {
      const failed = "its newest epoch can't be used";
      this.#obstacle = error instanceof KeyringError ? error : new KeyringError("UNREADABLE", failed, { cause: error });
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

  #refuseUnusable(survey: Survey): void {
    const { recordKeys } = this.#options;
    if (this.#current === undefined && survey.occupied) throw nothingAuthentic(this.#kind, survey, recordKeys);
    const unknown = underUnknownKek(this.#kind, survey, recordKeys);
    if (unknown !== undefined) throw unknown;
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
   * The store's epoch lacks a revocation, so it is never used: the key must not sign again. Revokes the key in the
   * epoch after it.
   */
  async #revokeAgain(
    stored: StoredEpoch,
    { record, kid, reason }: Extract<Decision, { type: "revokeAgain" }>,
  ): Promise<void> {
    const { keyset, policy, now, report, mayPlan = () => true } = this.#options;
    this.#reportCreated(stored);
    if (!mayPlan()) throw new KeyringError("WAITING", `keyset ${keyset}: key ${kid} must still be revoked again`);
    report({ type: "unrevoked", keyset, epoch: record.epoch, kid });
    const plan = planEmergency(record, now(), policy, kid, reason);
    const created = plan && (await this.#creator.create(plan, record, this.#mayReplaceGarbage));
    if (created !== undefined) this.#vigil.mended();
    // It is loaded again as what the store has.
    created?.ring.close();
    const next = await this.#epochs.survey(record.epoch);
    if ((next.highest?.epoch ?? 0) <= record.epoch)
      throw next.next === "free" ? refusedEpoch() : mayHideAnEpoch(this.#kind, record.epoch + 1);
    await this.#apply(next);
  }

  async #use(current: CurrentRing): Promise<void> {
    this.#take(current);
    await this.#options.snapshot?.save(current.stored.bytes);
  }

  #take(current: CurrentRing): void {
    const before = this.#current;
    this.#current = current;
    // Whoever asks for the key that signs uses it at once, so that none of the ring before is in use.
    before?.ring.close();
    this.#options.onRing?.(current.ring.record);
  }

  #load(record: EpochRecord): Promise<LoadedRing> {
    return loadRing(record, this.#options, this.#postponed);
  }

  #reportCreated(stored: StoredEpoch): void {
    const event = this.#creator.takeEvent(stored);
    if (event !== undefined) this.#options.report(event);
  }
}
