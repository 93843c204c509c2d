import { randomBytes } from "node:crypto";
import { settledAll } from "../../async/settled-all.ts";
import type { AuditEvent } from "../../audit/event.ts";
import type { Config } from "../../config/config.ts";
import type { Ed25519 } from "../../jose/ed25519/ed25519.ts";
import type { Keks } from "../../jose/kek.ts";
import { createKeyVault, recordKeysOf } from "../../jose/key-vault.ts";
import { KeyringError } from "../../keys/error.ts";
import { type Keyring, openKeyring } from "../../keys/rotating/keyring.ts";
import type { KeyringOptions, RingSnapshot } from "../../keys/rotating/options.ts";
import { keysetPlace, keysetRecords } from "../../keys/rotating/parse-record.ts";
import type { KeyringEvent } from "../../keys/rotating/views.ts";
import type { SignatureCounts } from "../../keys/signature-counts.ts";
import { judgeRecord, type RecordKeys } from "../../keys/store/authenticated-record.ts";
import type { Keyset } from "../../profile/keysets.ts";
import type { Entry } from "../../state/keyvalue.ts";
import type { SharedState, StateStore } from "../state/shared-state.ts";

/** The rings of a service, open. */
export interface Keyrings {
  readonly inUse: readonly Keyring[];
  /** Those of keysets that only profiles out of service name. */
  readonly retired: readonly Keyring[];
}

/**
 * Opens or creates the ring of every keyset in use, and opens the retired ones. Rejects with a KeyringError, and leaves
 * none open then.
 */
export async function openKeyrings(
  { keysets, retired }: Pick<Config, "keysets" | "retired">,
  { store, peers, fitness, snapshots }: SharedState,
  { keks, ed25519 }: { readonly keks: Keks; readonly ed25519: Ed25519 },
  signatures: SignatureCounts,
  now: () => number,
  { report, onRing }: Pick<KeyringOptions, "report" | "onRing">,
): Promise<Keyrings> {
  const recordKeys = recordKeysOf(keks);
  const entries = await ringEntries(store);
  // If a JWKS was ever served, a verifier may hold one without the keys of a new keyset, so those keys wait.
  const jwksMayBeCached = entries?.length !== 0;
  // Where rings exist, the store is not new, so a keyset without a ring has lost nothing. Any client of the store can
  // write an entry, but not an epoch.
  const holdsRing = entries?.some((entry) => isEpoch(entry, recordKeys)) === true;
  const noFirstKeys = holdsRing ? undefined : store.noFirstKeys;
  const mayPlan = () => fitness.waitsFor().length === 0;
  const tools = {
    maker: createKeyVault(keks, (kid) => signatures.signed(kid), ed25519),
    ...{ recordKeys, randomBytes, onRing },
    onSelfTest: (kid: string) => signatures.selfTested(kid),
  };
  const rings: Keyring[] = [];
  const announce = () => {
    for (const { keyset, epoch } of rings) peers.announce(keyset, epoch);
  };
  const open = ({ name, algorithm, policy }: Keyset, isRetired: boolean) =>
    openKeyring({
      ...{ ...tools, store: store.rings, now, report, jwksMayBeCached, noFirstKeys, mayPlan, policy },
      keyset: name,
      alg: algorithm,
      snapshot: withAnnouncement(snapshots.ring(name), announce),
      late: (epoch) => peers.late(name, epoch),
      retired: isRetired,
    });
  const inUse = await allOrNone(keysets.map((keyset) => open(keyset, false)));
  const ended = await Promise.all(
    retired.map((keyset) => open(keyset, true).catch((error) => reportUnopened(keyset.name, error, report))),
  );
  const found = ended.filter((ring) => ring !== undefined);
  rings.push(...inUse, ...found);
  announce();
  return { inUse, retired: found };
}

/** The rings, or if one of them can't be opened, its error, once those that could are stopped: they hold private keys. */
async function allOrNone(opening: readonly Promise<Keyring>[]): Promise<readonly Keyring[]> {
  try {
    return await settledAll(opening);
  } catch (error) {
    await Promise.allSettled(opening.map(async (ring) => (await ring).stop()));
    throw error;
  }
}

/** A retired ring that can't be opened must keep nothing from starting. One that never was is no problem. */
function reportUnopened(keyset: string, error: unknown, report: (event: KeyringEvent) => void): undefined {
  if (error instanceof KeyringError && error.code === "WAITING") return;
  report({ type: "problem", keyset, error });
}

/** Announces an epoch to the other replicas once this one has saved it, so that a restart cannot forget it. */
function withAnnouncement(snapshot: RingSnapshot | undefined, announce: () => void): RingSnapshot | undefined {
  if (snapshot === undefined) return undefined;
  const save = async (record: Uint8Array): Promise<void> => {
    await snapshot.save(record);
    announce();
  };
  return { load: snapshot.load, save };
}

/** What lies among the rings of all keysets. Undefined: the store is unreachable. */
async function ringEntries({ rings, isRetryable }: StateStore): Promise<readonly Entry[] | undefined> {
  try {
    return await rings.list("keys/");
  } catch (error) {
    if (!isRetryable(error)) throw error;
    return undefined;
  }
}

function isEpoch({ key, value }: Entry, recordKeys: RecordKeys): boolean {
  const place = keysetPlace(key);
  return (
    place !== undefined && judgeRecord(value, keysetRecords(place.keyset), place.epoch, recordKeys) === "authentic"
  );
}

/**
 * The event that names every key of a ring. The process that created the epoch may have died before it wrote its own.
 */
export function currentKeys({ keyset, epoch, list }: Keyring, now: number): AuditEvent {
  const added = list(now).map(({ kid }) => kid);
  return {
    ...{ type: "key.rotated", keyset, keysetEpoch: epoch, added, removed: [], reason: "held" },
    ...{ caller: undefined, signingKeyId: "", signsFrom: undefined },
  };
}
