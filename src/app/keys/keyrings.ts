import { randomBytes } from "node:crypto";
import type { AuditEvent } from "../../audit/event.ts";
import type { Config } from "../../config/config.ts";
import type { Keks } from "../../jose/kek.ts";
import { createKeyVault, recordKeysOf } from "../../jose/key-vault.ts";
import { type Keyring, openKeyring } from "../../keys/rotating/keyring.ts";
import type { RingSnapshot } from "../../keys/rotating/options.ts";
import type { KeyringEvent } from "../../keys/rotating/views.ts";
import type { SharedState } from "../state/shared-state.ts";

/** The ring of every keyset, loaded or made. Rejects with a KeyringError. */
export async function openKeyrings(
  { keysets }: Config,
  state: SharedState,
  keks: Keks,
  now: () => number,
  report: (event: KeyringEvent) => void,
): Promise<Keyring[]> {
  const { store } = state;
  const others = await hasRings(state);
  // A verifier can hold a JWKS without a new keyset's keys only if one was ever served: then they wait their lead.
  const shown = others ?? true;
  // Where there are rings, nothing was lost that a keyset without one may have had.
  const firstStart = state.firstStart || others === true;
  const mayPlan = () => state.waitsFor().length === 0;
  const tools = { maker: createKeyVault(keks), recordKeys: recordKeysOf(keks), randomBytes };
  const rings: Keyring[] = [];
  const announce = () => {
    for (const { keyset, epoch } of rings) state.announce(keyset, epoch);
  };
  const open = keysets.map(({ name, algorithm, policy }) =>
    openKeyring({
      ...{ ...tools, store, now, report, jwksMayBeCached: shown, firstStart, mayPlan, policy },
      keyset: name,
      alg: algorithm,
      snapshot: announced(state.ringSnapshot(name), announce),
      late: (epoch) => state.late(name, epoch),
    }),
  );
  rings.push(...(await Promise.all(open)));
  announce();
  return rings;
}

/** The others are told of an epoch when it is held and will not be forgotten. */
function announced(snapshot: RingSnapshot | undefined, announce: () => void): RingSnapshot | undefined {
  if (snapshot === undefined) return undefined;
  const save = async (record: Uint8Array): Promise<void> => {
    await snapshot.save(record);
    announce();
  };
  return { load: snapshot.load, save };
}

/** Whether any keyset has a ring; undefined when the store is out of reach. */
async function hasRings({ store, mayRetry }: SharedState): Promise<boolean | undefined> {
  try {
    return (await store.list("keys/")).length > 0;
  } catch (error) {
    if (!mayRetry(error)) throw error;
    return undefined;
  }
}

/** Names every key again: who made an epoch may have died before it could tell. */
export function currentKeys({ keyset, epoch, list }: Keyring, now: number): AuditEvent {
  const added = list(now).map(({ kid }) => kid);
  return { type: "key.rotated", keyset, keysetEpoch: epoch, added, removed: [], reason: "held", caller: "" };
}
