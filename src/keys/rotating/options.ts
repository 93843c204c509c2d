import type { KeyValue } from "../../state/keyvalue.ts";
import type { KeysetAlgorithm } from "../model.ts";
import type { RecordKeys } from "../store/authenticated-record.ts";
import type { LoadTools } from "./loaded-ring.ts";
import type { KeyPolicy } from "./policy.ts";
import type { EpochRecord } from "./record.ts";
import type { KeyringEvent } from "./views.ts";

/** A replica's copy of a ring's newest epoch, byte for byte as it was stored. */
export interface RingSnapshot {
  load(): Promise<Uint8Array | undefined>;
  /** Never rejects: a ring that can't be saved can still be used. */
  save(record: Uint8Array): Promise<void>;
}

export interface KeyringOptions extends LoadTools {
  /** `[A-Za-z0-9_-]+`. */
  readonly keyset: string;
  readonly alg: KeysetAlgorithm;
  readonly policy: KeyPolicy;
  readonly store: KeyValue;
  readonly recordKeys: RecordKeys;
  /** Unix milliseconds. It may step forwards or backwards. */
  readonly now: () => number;
  /** Whether a verifier may have cached a JWKS without this keyset's first key: that key then waits its lead. */
  readonly jwksMayBeCached: boolean;
  /** Why this replica may not create the first epoch where it finds none, human-readable. Undefined: it may. */
  readonly noFirstKeys?: string | undefined;
  /** The ring is served from it while the store is unreachable, and restored from it when the store has lost it. */
  readonly snapshot?: RingSnapshot | undefined;
  /** Names of the live replicas whose epoch is below this one. Default: there are no other replicas. */
  readonly late?: (epoch: number) => readonly string[];
  /** False while the clock, or the view of the store, can't be trusted: no epoch is planned then. Default: true. */
  readonly mayPlan?: () => boolean;
  /**
   * Whether no profile in service uses the keyset. Its keys then sign nothing, no epoch is planned but one that seals
   * them under a new KEK, and those that may have signed are published until their `verify_until`. Default: false.
   */
  readonly retired?: boolean;
  /** Called for each ring that comes into use. It MUST NOT throw. Default: nothing. */
  readonly onRing?: ((ring: EpochRecord) => void) | undefined;
  readonly report: (event: KeyringEvent) => void;
}
