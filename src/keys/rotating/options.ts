import type { KeyValue } from "../../state/keyvalue.ts";
import type { KeysetAlgorithm } from "../model.ts";
import type { RecordKeys } from "../store/authenticated-record.ts";
import type { LoadTools } from "./loaded-ring.ts";
import type { KeyPolicy } from "./policy.ts";
import type { KeyringEvent } from "./views.ts";

/** What a replica remembers of a ring's newest epoch, as it was stored. */
export interface RingSnapshot {
  load(): Promise<Uint8Array | undefined>;
  /** Never rejects: a ring can be used that can't be remembered. */
  save(record: Uint8Array): Promise<void>;
}

export interface KeyringOptions extends LoadTools {
  /** `[A-Za-z0-9_-]+`. */
  readonly keyset: string;
  readonly alg: KeysetAlgorithm;
  readonly policy: KeyPolicy;
  readonly store: KeyValue;
  readonly recordKeys: RecordKeys;
  /** Unix milliseconds. It may step: nothing breaks. */
  readonly now: () => number;
  /** Whether a verifier may hold a JWKS from before this keyset's first key: that key then waits its lead. */
  readonly shown: boolean;
  /** Whether this replica may make the first ring where it finds none. Default: it may. */
  readonly firstStart?: boolean;
  /** What the ring is served from while the store is out of reach, and given back from when the store has lost it. */
  readonly snapshot?: RingSnapshot | undefined;
  /** The replicas that live and hold no epoch as high as this one. Default: there are no others. */
  readonly late?: (epoch: number) => readonly string[];
  /** False while this clock, or what is known of the store, is not to be trusted: then nothing is planned. */
  readonly mayPlan?: () => boolean;
  readonly report: (event: KeyringEvent) => void;
}
