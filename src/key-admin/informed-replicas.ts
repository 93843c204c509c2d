import { endsWithin, pause } from "../async/timeout.ts";

/** A replica that lives, and the epoch of each keyset that it holds. */
export interface HoldingReplica {
  readonly id: string;
  readonly epochs: Readonly<Record<string, number>>;
}

/** The replicas there are, in so far as it matters who holds an epoch. */
export interface KnownReplicas {
  /** Those that live, this one with them. None: it is alone. */
  live(): readonly HoldingReplica[];
  /** Those that fell silent without leaving, and may issue still. */
  silent(): readonly HoldingReplica[];
  /** Looks for those that nothing was heard of yet. Never rejects. */
  seek(): Promise<void>;
}

/** Names of replicas that hold an epoch, or a later one, and of those that do not. */
export interface Informed {
  readonly informed: readonly string[];
  readonly late: readonly string[];
}

const BOUND_MS = 1_000;
const LOOK_MS = 25;

/** Waits until all replicas that live hold the epoch, for a second at most. Nobody waits for a silent one. */
export async function waitForReplicas(replicas: KnownReplicas, keyset: string, epoch: number): Promise<Informed> {
  const over = new AbortController();
  await endsWithin(BOUND_MS, untilInformed());
  over.abort();
  const all = [...replicas.live(), ...replicas.silent()];
  return { informed: namesOf(all.filter(holds)), late: namesOf(all.filter((replica) => !holds(replica))) };

  async function untilInformed(): Promise<void> {
    // Directly after an outage no replica has been heard of yet.
    await replicas.seek();
    while (!over.signal.aborted && !replicas.live().every(holds)) await pause(LOOK_MS, over.signal);
  }

  function holds({ epochs }: HoldingReplica): boolean {
    return (epochs[keyset] ?? 0) >= epoch;
  }
}

function namesOf(replicas: readonly HoldingReplica[]): string[] {
  return replicas.map(({ id }) => id).toSorted();
}
