import type { Change, Entry } from "../../state/keyvalue.ts";
import { KeyringError } from "../error.ts";
import { isUnderCurrent, judgeRecord, type RecordKeys, unwrapRecord } from "../store/authenticated-record.ts";
import { mayHideAnEpoch, nothingAuthentic, underUnknownKek } from "../store/obstacle.ts";
import { createStrayReport } from "../store/strays.ts";
import { type StoredEpoch, type Survey, surveyEntries } from "../store/survey.ts";
import { Vigil, type Watchfulness } from "../store/vigil.ts";
import { secretsUnavailable } from "../unavailable.ts";
import type { SecretVault } from "../vault.ts";
import { type LoadedSecrets, loadSecrets } from "./loaded-secrets.ts";
import { secretPlace, secretRecords } from "./parse-secret.ts";
import type { SecretEpoch, SecretOwner } from "./secret.ts";
import type { SecretsEvent } from "./views.ts";

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

/** Returns the epoch to create after `before`; undefined when none is needed. */
export type NextEpoch = (before: SecretEpoch | undefined) => Promise<SecretEpoch | undefined>;

/** The newest epoch of every ring that this process has read. */
export interface SecretRings {
  /**
   * Takes all entries of the store. `stretch` as for {@link Vigil.saw}. At the start, records under an earlier KEK are
   * stale.
   */
  takeAll(entries: readonly Entry[], stretch: number | undefined, atStart: boolean): void;
  /** Takes all entries of one ring. */
  takeRing(owner: SecretOwner, entries: readonly Entry[], stretch: number | undefined): void;
  /** Takes a change of the store. Returns the owner of the ring that must be read whole; undefined: none. */
  takeChange(change: Change): SecretOwner | undefined;
  /** Uses an epoch that this process made. */
  useOwn(record: SecretEpoch): void;
  /** 0 when nothing was imported. */
  epochOf(owner: SecretOwner): number;
  /** Undefined when nothing was imported. Throws the {@link KeyringError} of a ring that nothing may be added to. */
  recordOf(owner: SecretOwner): SecretEpoch | undefined;
  /** Whether an epoch of the ring may be written over garbage. */
  mayReplaceGarbage(owner: SecretOwner): boolean;
  /** Opens the secrets at the first call. Undefined when nothing was imported. Throws the Problem KEYS_UNAVAILABLE. */
  keysOf(owner: SecretOwner): LoadedSecrets | undefined;
  /** As {@link keysOf}, and throws KEYS_UNAVAILABLE also when there may be a newer epoch: it may revoke a secret. */
  signingKeysOf(owner: SecretOwner): LoadedSecrets | undefined;
  /** All rings that can be read, by profile and tenant. */
  all(): readonly ReadRing[];
}

interface Ring {
  readonly owner: SecretOwner;
  readonly vigil: Vigil;
  inUse?: { readonly record: SecretEpoch; readonly stale: boolean; loaded?: LoadedSecrets };
  /** Why the newest epoch can't be used. */
  error?: KeyringError;
  /** The message of the obstacle that was reported last. */
  reported?: string;
}

/** How many rings that can't be used are reported in a minute: any client of the store can make more of them. */
const REPORTS = { count: 20, everyMs: 60_000 } as const;

export function createSecretRings(
  recordKeys: RecordKeys,
  vault: SecretVault,
  watch: Watchfulness,
  now: () => number,
  report: (event: SecretsEvent) => void,
): SecretRings {
  const rings = new Map<string, Ring>();
  const takeStrays = createStrayReport(now, (strays) => report({ type: "secrets.strays", ...strays }));
  /** The stretch in which all entries were read last. */
  let readIn: number | undefined;
  let reports = { since: Number.NEGATIVE_INFINITY, count: 0 };

  const ringOf = (owner: SecretOwner): Ring | undefined => rings.get(idOf(owner));
  const heldOf = (ring: Ring | undefined): number => ring?.inUse?.record.epoch ?? 0;

  function ensureRing(owner: SecretOwner): Ring {
    const known = ringOf(owner);
    if (known !== undefined) return known;
    const ring = { owner, vigil: new Vigil(watch) };
    // It had no entries when all were read.
    ring.vigil.saw("free", readIn, now());
    rings.set(idOf(owner), ring);
    return ring;
  }

  /** Why nothing may sign with the secrets of a ring; undefined when it may. */
  function obstacleOf(ring: Ring): KeyringError | undefined {
    if (ring.error !== undefined) return ring.error;
    return ring.vigil.mayHideAnEpoch ? mayHideAnEpoch(secretRecords(ring.owner), heldOf(ring) + 1) : undefined;
  }

  function setError(ring: Ring, error: unknown): void {
    if (!(error instanceof KeyringError)) throw error;
    ring.error = error;
  }

  function reportObstacle(ring: Ring): void {
    const error = obstacleOf(ring);
    const isNew = error !== undefined && error.message !== ring.reported;
    if (error === undefined) delete ring.reported;
    if (!isNew) return;
    ring.reported = error.message;
    if (Math.abs(now() - reports.since) >= REPORTS.everyMs) reports = { since: now(), count: 0 };
    reports.count += 1;
    if (reports.count <= REPORTS.count) report({ type: "secrets.unreadable", ...ring.owner, error });
  }

  function adopt(ring: Ring, { epoch, bytes }: StoredEpoch, atStart: boolean): void {
    const record = unwrapRecord(bytes, secretRecords(ring.owner), epoch, recordKeys);
    ring.inUse = { record, stale: atStart && !isUnderCurrent(bytes, recordKeys) };
  }

  /** Returns the keys of strays. */
  function takeRing(
    owner: SecretOwner,
    entries: readonly Entry[],
    stretch: number | undefined,
    atStart = false,
  ): readonly string[] {
    const kind = secretRecords(owner);
    const ring = ensureRing(owner);
    const survey = surveyEntries(entries, kind, heldOf(ring), recordKeys);
    ring.vigil.saw(survey.next, stretch, now());
    try {
      takeSurvey(ring, survey, atStart);
      delete ring.error;
    } catch (error) {
      setError(ring, error);
      ring.vigil.doubt();
    }
    reportObstacle(ring);
    return survey.strays;
  }

  function takeSurvey(ring: Ring, survey: Survey, atStart: boolean): void {
    const kind = secretRecords(ring.owner);
    if (survey.highest !== undefined && survey.highest.epoch > heldOf(ring)) adopt(ring, survey.highest, atStart);
    if (ring.inUse === undefined && survey.occupied) throw nothingAuthentic(kind, survey);
    if (survey.next === "unknownKek") throw underUnknownKek(kind, heldOf(ring), recordKeys);
  }

  /** Takes what was written at the place of an epoch; undefined: it was deleted. Returns as `takeChange`. */
  function takeEpoch(owner: SecretOwner, epoch: number, bytes: Uint8Array | undefined): SecretOwner | undefined {
    const held = heldOf(ringOf(owner));
    if (epoch <= held) return undefined;
    if (bytes === undefined || judgeRecord(bytes, secretRecords(owner), epoch, recordKeys) !== "authentic") {
      // Any number of strays may be written beyond the next place of a ring.
      return held === 0 || epoch === held + 1 ? owner : undefined;
    }
    const ring = ensureRing(owner);
    const obstructed = ring.error !== undefined || ring.vigil.obstructed;
    try {
      adopt(ring, { epoch, bytes }, false);
    } catch (error) {
      setError(ring, error);
      ring.vigil.doubt();
      reportObstacle(ring);
    }
    return obstructed ? owner : undefined;
  }

  function load(ring: Ring): LoadedSecrets | undefined {
    const { inUse } = ring;
    if (inUse === undefined) {
      if (ring.error !== undefined) throw secretsUnavailable(ring.error);
      return undefined;
    }
    try {
      inUse.loaded ??= loadSecrets(inUse.record, vault);
    } catch (error) {
      setError(ring, error);
      reportObstacle(ring);
      throw secretsUnavailable(error);
    }
    return inUse.loaded;
  }

  return {
    takeAll(entries, stretch, atStart) {
      // A ring whose entries are gone is read as well.
      const found = new Map([...rings].map(([id, { owner }]) => [id, { owner, entries: [] as Entry[] }]));
      const strays: string[] = [];
      for (const entry of entries) {
        const owner = secretPlace(entry.key)?.owner;
        if (owner === undefined) {
          strays.push(entry.key);
          continue;
        }
        const ring = found.get(idOf(owner)) ?? { owner, entries: [] };
        ring.entries.push(entry);
        found.set(idOf(owner), ring);
      }
      for (const ring of found.values()) strays.push(...takeRing(ring.owner, ring.entries, stretch, atStart));
      readIn = stretch;
      takeStrays(strays);
    },
    takeRing: (owner, entries, stretch) => void takeRing(owner, entries, stretch),

    takeChange(change) {
      if (change.type === "current" || change.type === "gap") return undefined;
      const [key, bytes] = change.type === "put" ? [change.entry.key, change.entry.value] : [change.key, undefined];
      const place = secretPlace(key);
      if (place === undefined) return undefined;
      if (place.epoch !== undefined) return takeEpoch(place.owner, place.epoch, bytes);
      // Even an entry that names no epoch keeps a first secret from being stored.
      return heldOf(ringOf(place.owner)) === 0 ? place.owner : undefined;
    },

    useOwn(record) {
      const ring = ensureRing(record);
      if (record.epoch <= heldOf(ring)) return;
      ring.inUse = { record, stale: false };
      delete ring.error;
      ring.vigil.mended();
    },

    epochOf: (owner) => heldOf(ringOf(owner)),

    recordOf(owner) {
      const ring = ringOf(owner);
      const obstacle = ring && obstacleOf(ring);
      if (ring?.error !== undefined || (obstacle !== undefined && ring?.vigil.msUntilMending(now()) !== 0))
        throw obstacle;
      return ring?.inUse?.record;
    },

    mayReplaceGarbage(owner) {
      const ring = ringOf(owner);
      return ring?.inUse !== undefined && ring.vigil.mayReplaceGarbage(now());
    },

    keysOf(owner) {
      const ring = ringOf(owner);
      return ring?.inUse?.loaded ?? (ring && load(ring));
    },

    signingKeysOf(owner) {
      const ring = ringOf(owner);
      if (ring === undefined) return undefined;
      const obstacle = obstacleOf(ring);
      if (obstacle !== undefined) throw secretsUnavailable(obstacle);
      return load(ring);
    },

    all: () =>
      [...rings]
        .toSorted(([left], [right]) => (left < right ? -1 : 1))
        .flatMap(([, ring]) => {
          if (ring.inUse === undefined) return [];
          const msUntilMending = ring.vigil.msUntilMending(now());
          const blocked = ring.error !== undefined || (obstacleOf(ring) !== undefined && msUntilMending > 0);
          return [{ ...ring.inUse, msUntilMending: ring.error === undefined ? msUntilMending : Infinity, blocked }];
        }),
  };
}

/** Unambiguous: no profile name has a space. */
function idOf({ profile, tenant }: SecretOwner): string {
  return `${profile} ${tenant}`;
}
