import type { Findings } from "../../audit/forward/sink.ts";
import type { RingSnapshot } from "../../keys/rotating/options.ts";
import type { RecordKeys } from "../../keys/store/authenticated-record.ts";
import type { LiveStore } from "../../live/live-store.ts";
import type { Fitness } from "../../replica/fitness.ts";
import type { Peers } from "../../replica/presence.ts";
import type { RevocationFile } from "../../replica/revocations-snapshot.ts";
import type { KeyValue } from "../../state/keyvalue.ts";

/** The state of this process, which other replicas may share. */
export interface SharedState {
  readonly store: StateStore;
  readonly peers: Peers;
  readonly fitness: Fitness;
  readonly snapshots: Snapshots;
  /** Its failure is no failure of the state: only what needs it is UNAVAILABLE. */
  readonly live: LiveStore;
  /** Of the buckets, by the name that metrics give them. Empty: the state is a file. */
  readonly settings: () => Readonly<Record<string, Findings>>;
  start(): void;
  /** Leaves the other replicas, within about `leftMs`. Never rejects. */
  stop(leftMs: number): Promise<void>;
}

/** Where rings, secrets and revocations are stored. */
export interface StateStore {
  /** Holds rings and revocations. */
  readonly rings: KeyValue;
  /** Holds imported secrets; their records are authenticated with these keys. */
  secrets(recordKeys: RecordKeys): KeyValue;
  /** Why this process may not create the first ring of an empty store, human-readable. Undefined: it may. */
  readonly noFirstKeys: string | undefined;
  /** Whether the work that failed with this error may succeed later. */
  isRetryable(error: unknown): boolean;
  /**
   * Resolves when opening can succeed, because the store is reachable or there is a snapshot, or when the signal
   * aborts.
   */
  reached(signal: AbortSignal): Promise<void>;
  /**
   * Everything in the store was opened: from now on an unreachable store is an error, and no snapshot stands in for it.
   * `putBack` is called whenever the store may have forgotten something: it was lost and recreated, a setting with
   * which it forgets was changed, and now and then, because an entry that is purged or expires by itself changes
   * nothing that a watch sees.
   */
  opened(putBack: () => void): void;
}

/** Copies on disk of what the store holds, for a start without it. */
export interface Snapshots {
  /** Undefined: the ring of this keyset needs none. */
  ring(keyset: string): RingSnapshot | undefined;
  /** Undefined: revocations need none. */
  readonly revocations: RevocationFile | undefined;
  /** When the store was last heard from before this start, in Unix milliseconds. Undefined: never. */
  readonly lastHeard: number | undefined;
}

/** A store in the data folder itself needs no copies. */
export const NO_SNAPSHOTS: Snapshots = { ring: () => undefined, revocations: undefined, lastHeard: undefined };
