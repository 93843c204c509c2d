import { unwrapBody } from "./envelope.ts";
import type { StoredEpoch } from "./epochs.ts";
import { KeyringError } from "./error.ts";
import type { KeyringOptions } from "./keyring-options.ts";
import { type LoadedRing, loadRing } from "./loaded-ring.ts";
import { keysetRecords } from "./parse-record.ts";
import type { Postponed } from "./state.ts";

/** A ring in use, and the epoch that it was read from. */
export interface HeldRing {
  readonly stored: StoredEpoch;
  readonly ring: LoadedRing;
}

/** The ring of a snapshot. Throws {@link KeyringError} when it can't be read, or is that of another keyset. */
export async function recallRing(bytes: Uint8Array, options: KeyringOptions, postponed: Postponed): Promise<HeldRing> {
  const kind = keysetRecords(options.keyset);
  const where = `the snapshot of ${kind.name}`;
  const record = kind.parse(unwrapBody(bytes, where, options.recordKeys));
  if (!kind.owns(record)) throw new KeyringError("BROKEN_RECORD", `${where} holds the record of another ring`);
  return { stored: { epoch: record.epoch, bytes }, ring: await loadRing(record, options, postponed) };
}
