import type { RingSnapshot } from "../../keys/rotating/options.ts";
import type { Presence } from "../../replica/presence.ts";
import type { RevocationFile } from "../../replica/revocations-snapshot.ts";
import type { KeyValue } from "../../state/keyvalue.ts";

/** What this replica shares with others, and how it stands with them. */
export interface SharedState {
  /** Of rings and revocations. */
  readonly store: KeyValue;
  /** Of imported secrets. */
  readonly secrets: KeyValue;
  /** Whether keys were sealed before, as far as can be told without the store: then a new KEK would hide their loss. */
  sealedBefore(): Promise<boolean>;
  /** Whether the first ring of all may be made here. */
  readonly firstStart: boolean;
  /** What was kept of a keyset's ring for a start without the store. Undefined: nothing needs to be. */
  ringSnapshot(keyset: string): RingSnapshot | undefined;
  /** What was kept of the revocations. Undefined: nothing needs to be. */
  readonly revocations: RevocationFile | undefined;
  /** Whether what fails for this reason may succeed later. */
  mayRetry(error: unknown): boolean;
  /** Resolves when it is worth while to open what is in the store: it is in reach, or there is a snapshot. */
  reached(signal: AbortSignal): Promise<void>;
  /**
   * All that is in the store was opened: from now on what can't be read is out of reach. `lost` is called whenever the store
   * was lost and a new one is in use, which what is held here must be given back to.
   */
  opened(lost: () => void): void;
  /** Tells the other replicas which epoch this one holds. */
  announce(keyset: string, epoch: number): void;
  /** The replicas that live and do not hold the epoch yet. */
  late(keyset: string, epoch: number): readonly string[];
  readonly replicas: Pick<Presence, "live" | "silent" | "seek">;
  /** When the store was last heard of before this start, in Unix milliseconds; undefined: never. */
  readonly lastHeard: number | undefined;
  /** Milliseconds since the store was last heard of. */
  ageMs(): number;
  /** How far the clock of the store is ahead, in milliseconds. */
  clockOffsetMs(): number | undefined;
  /** What has to happen before tokens may be issued, in the words of people. */
  waitsFor(): readonly string[];
  /** Throws the Problem CLOCK_DIFFERS when no time that this replica writes down would be right. */
  requireRightClock(): void;
  /** Throws the Problem for which nothing may be issued or rotated. */
  requireFit(): void;
  start(): void;
  /** Leaves the other replicas, within about `leftMs`. Never rejects. */
  stop(leftMs: number): Promise<void>;
}
