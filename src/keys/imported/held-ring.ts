import type { Entry } from "../../state/keyvalue.ts";
import { KeyringError } from "../error.ts";
import { isUnderCurrent, type RecordKeys, unwrapRecord } from "../store/authenticated-record.ts";
import { mayHideAnEpoch, nothingAuthentic, underUnknownKek } from "../store/obstacle.ts";
import { type StoredEpoch, type Survey, surveyEntries } from "../store/survey.ts";
import { Vigil, type Watchfulness } from "../store/vigil.ts";
import { secretsUnavailable } from "../unavailable.ts";
import type { SecretVault } from "../vault.ts";
import { type LoadedSecrets, loadSecrets } from "./loaded-secrets.ts";
import { secretRecords } from "./parse-secret.ts";
import type { SecretEpoch, SecretOwner } from "./secret.ts";

/** The newest epoch of a ring that could be read. */
export interface ReadRing {
  readonly record: SecretEpoch;
  /** It must be sealed again under the current KEK. */
  readonly stale: boolean;
  /** Milliseconds until an epoch must be written over garbage; Infinity when there is none. */
  readonly msUntilMending: number;
  /** Whether nothing may be written now: there may be a newer epoch, which can't be read. */
  readonly blocked: boolean;
}

export interface RingParts {
  readonly recordKeys: RecordKeys;
  readonly vault: SecretVault;
  readonly watch: Watchfulness;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Takes each new reason why nothing may sign with the secrets of a ring. */
  readonly onObstacle: (owner: SecretOwner, error: KeyringError) => void;
}

/**
 * One ring of imported secrets: the newest epoch that this process has read, what keeps a newer one from being used,
 * and what may be done meanwhile.
 */
export class HeldRing {
  readonly owner: SecretOwner;
  readonly #parts: RingParts;
  readonly #vigil: Vigil;
  #inUse: { readonly record: SecretEpoch; readonly stale: boolean; loaded?: LoadedSecrets } | undefined;
  /** Why the newest epoch can't be used. */
  #error: KeyringError | undefined;
  /** The message of the obstacle that was reported last. */
  #reported: string | undefined;

  /** A ring without entries. `readIn`: the stretch in which all entries were read last, as for {@link Vigil.saw}. */
  constructor(owner: SecretOwner, parts: RingParts, readIn: number | undefined) {
    this.owner = owner;
    this.#parts = parts;
    this.#vigil = new Vigil(parts.watch);
    this.#vigil.saw("free", readIn, parts.now());
  }

  /** The number of the epoch in use; 0 when nothing was imported. */
  get epoch(): number {
    return this.#inUse?.record.epoch ?? 0;
  }

  /** Whether garbage lies at the place of the next epoch, or an epoch that can't be used. */
  get obstructed(): boolean {
    return this.#error !== undefined || this.#vigil.obstructed;
  }

  /** Takes all entries of the ring, and returns the keys of strays. `stretch` as for {@link Vigil.saw}. */
  take(entries: readonly Entry[], stretch: number | undefined, atStart: boolean): readonly string[] {
    const { recordKeys, now } = this.#parts;
    const survey = surveyEntries(entries, secretRecords(this.owner), this.epoch, recordKeys);
    this.#vigil.saw(survey.next, stretch, now());
    try {
      this.#apply(survey, atStart);
      this.#error = undefined;
    } catch (error) {
      this.#setError(error);
      this.#vigil.doubt();
    }
    this.#reportObstacle();
    return survey.strays;
  }

  /** Takes an authentic epoch above the one in use, which was just written. */
  takeNewer(stored: StoredEpoch): void {
    try {
      this.#adopt(stored, false);
    } catch (error) {
      this.#setError(error);
      this.#vigil.doubt();
      this.#reportObstacle();
    }
  }

  /** Uses an epoch that this process made. */
  useOwn(record: SecretEpoch): void {
    if (record.epoch <= this.epoch) return;
    this.#use({ record, stale: false });
    this.#error = undefined;
    this.#vigil.mended();
  }

  /** The record that the next epoch follows. Throws the {@link KeyringError} of a ring that nothing may be added to. */
  writable(): SecretEpoch | undefined {
    const obstacle = this.#obstacle;
    if (obstacle !== undefined && this.#isBlocked) throw obstacle;
    return this.#inUse?.record;
  }

  /** Whether an epoch may be written over garbage. */
  get mayReplaceGarbage(): boolean {
    return this.#inUse !== undefined && this.#vigil.mayReplaceGarbage(this.#parts.now());
  }

  /** Opens the secrets at the first call. Undefined when nothing was imported. Throws the Problem KEYS_UNAVAILABLE. */
  keys(): LoadedSecrets | undefined {
    return this.#inUse?.loaded ?? this.#load();
  }

  /** As {@link keys}, and throws KEYS_UNAVAILABLE also when there may be a newer epoch: it may revoke a secret. */
  signingKeys(): LoadedSecrets | undefined {
    const obstacle = this.#obstacle;
    if (obstacle !== undefined) throw secretsUnavailable(obstacle);
    return this.#load();
  }

  /** Destroys the secrets that are open. */
  close(): void {
    this.#inUse?.loaded?.close();
  }

  /** Undefined when no epoch could be read. */
  get read(): ReadRing | undefined {
    if (this.#inUse === undefined) return undefined;
    const { record, stale } = this.#inUse;
    return { record, stale, msUntilMending: this.#msUntilMending, blocked: this.#isBlocked };
  }

  /** Why nothing may sign; undefined when it may. */
  get #obstacle(): KeyringError | undefined {
    if (this.#error !== undefined) return this.#error;
    return this.#vigil.mayHideAnEpoch ? mayHideAnEpoch(secretRecords(this.owner), this.epoch + 1) : undefined;
  }

  /** Infinity also when an epoch can't be used: what would be written might lack what it holds. */
  get #msUntilMending(): number {
    return this.#error === undefined ? this.#vigil.msUntilMending(this.#parts.now()) : Infinity;
  }

  get #isBlocked(): boolean {
    return this.#obstacle !== undefined && this.#msUntilMending > 0;
  }

  #apply(survey: Survey, atStart: boolean): void {
    const kind = secretRecords(this.owner);
    const { recordKeys } = this.#parts;
    if (survey.highest !== undefined && survey.highest.epoch > this.epoch) this.#adopt(survey.highest, atStart);
    if (this.#inUse === undefined && survey.occupied) throw nothingAuthentic(kind, survey, recordKeys);
    const unknown = underUnknownKek(kind, survey, recordKeys);
    if (unknown !== undefined) throw unknown;
  }

  #adopt({ epoch, bytes }: StoredEpoch, atStart: boolean): void {
    const { recordKeys } = this.#parts;
    const record = unwrapRecord(bytes, secretRecords(this.owner), epoch, recordKeys);
    this.#use({ record, stale: atStart && !isUnderCurrent(bytes, recordKeys) });
  }

  #use(inUse: { readonly record: SecretEpoch; readonly stale: boolean }): void {
    this.close();
    this.#inUse = inUse;
  }

  #load(): LoadedSecrets | undefined {
    const inUse = this.#inUse;
    if (inUse === undefined) {
      if (this.#error !== undefined) throw secretsUnavailable(this.#error);
      return undefined;
    }
    try {
      inUse.loaded ??= loadSecrets(inUse.record, this.#parts.vault);
    } catch (error) {
      this.#setError(error);
      this.#reportObstacle();
      throw secretsUnavailable(error);
    }
    return inUse.loaded;
  }

  #setError(error: unknown): void {
    if (!(error instanceof KeyringError)) throw error;
    this.#error = error;
  }

  #reportObstacle(): void {
    const error = this.#obstacle;
    const isNew = error !== undefined && error.message !== this.#reported;
    this.#reported = error?.message;
    if (isNew) this.#parts.onObstacle(this.owner, error);
  }
}
