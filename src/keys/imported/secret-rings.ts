import { createReportLimit } from "../../async/report-limit.ts";
import type { Change, Entry } from "../../state/keyvalue.ts";
import type { KeyringError } from "../error.ts";
import { judgeRecord } from "../store/authenticated-record.ts";
import { createStrayReport } from "../store/strays.ts";
import { HeldRing, type ReadRing, type RingParts } from "./held-ring.ts";
import type { LoadedSecrets } from "./loaded-secrets.ts";
import { secretPlace, secretRecords } from "./parse-secret.ts";
import type { SecretEpoch, SecretOwner } from "./secret.ts";
import type { SecretsEvent } from "./views.ts";

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
  /** Destroys the secrets that are open. */
  close(): void;
}

export function createSecretRings(
  parts: Omit<RingParts, "onObstacle">,
  report: (event: SecretsEvent) => void,
): SecretRings {
  const { recordKeys, now } = parts;
  const rings = new Map<string, HeldRing>();
  const takeStrays = createStrayReport(now, (strays) => report({ type: "secrets.strays", ...strays }));
  /** The stretch in which all entries were read last. */
  let readIn: number | undefined;
  // Any client of the store can make more rings that can't be used.
  const mayReport = createReportLimit(now);

  const ringOf = (owner: SecretOwner): HeldRing | undefined => rings.get(idOf(owner));
  const heldOf = (owner: SecretOwner): number => ringOf(owner)?.epoch ?? 0;

  function ensureRing(owner: SecretOwner): HeldRing {
    const known = ringOf(owner);
    if (known !== undefined) return known;
    const ring = new HeldRing(owner, { ...parts, onObstacle }, readIn);
    rings.set(idOf(owner), ring);
    return ring;
  }

  function onObstacle(owner: SecretOwner, error: KeyringError): void {
    if (mayReport()) report({ type: "secrets.unreadable", ...owner, error });
  }

  /** Takes what was written at the place of an epoch; undefined: it was deleted. Returns as `takeChange`. */
  function takeEpoch(owner: SecretOwner, epoch: number, bytes: Uint8Array | undefined): SecretOwner | undefined {
    const held = heldOf(owner);
    if (epoch <= held) return undefined;
    if (bytes === undefined || judgeRecord(bytes, secretRecords(owner), epoch, recordKeys) !== "authentic") {
      // Any number of strays may be written beyond the next place of a ring.
      return held === 0 || epoch === held + 1 ? owner : undefined;
    }
    const ring = ensureRing(owner);
    const { obstructed } = ring;
    ring.takeNewer({ epoch, bytes });
    return obstructed ? owner : undefined;
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
      for (const ring of found.values()) strays.push(...ensureRing(ring.owner).take(ring.entries, stretch, atStart));
      readIn = stretch;
      takeStrays(strays);
    },
    takeRing: (owner, entries, stretch) => void ensureRing(owner).take(entries, stretch, false),

    takeChange(change) {
      if (change.type === "current" || change.type === "gap") return undefined;
      const [key, bytes] = change.type === "put" ? [change.entry.key, change.entry.value] : [change.key, undefined];
      const place = secretPlace(key);
      if (place === undefined) return undefined;
      if (place.epoch !== undefined) return takeEpoch(place.owner, place.epoch, bytes);
      // Even an entry that names no epoch keeps a first secret from being stored.
      return heldOf(place.owner) === 0 ? place.owner : undefined;
    },

    useOwn: (record) => ensureRing(record).useOwn(record),
    epochOf: heldOf,
    recordOf: (owner) => ringOf(owner)?.writable(),
    mayReplaceGarbage: (owner) => ringOf(owner)?.mayReplaceGarbage ?? false,
    keysOf: (owner) => ringOf(owner)?.keys(),
    signingKeysOf: (owner) => ringOf(owner)?.signingKeys(),

    all: () => [...rings].toSorted(([left], [right]) => (left < right ? -1 : 1)).flatMap(([, ring]) => ring.read ?? []),
    close() {
      for (const ring of rings.values()) ring.close();
    },
  };
}

/** Unambiguous: no profile name has a space. */
function idOf({ profile, tenant }: SecretOwner): string {
  return `${profile} ${tenant}`;
}
