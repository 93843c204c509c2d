import { endsWithin, pause } from "../async/timeout.ts";

/** A replica, and the epoch that it has of each keyset. */
export interface ReplicaEpochs {
  readonly id: string;
  readonly epochs: Readonly<Record<string, number>>;
}

/** The replicas that this one knows. */
export interface KnownReplicas {
  /** The live replicas, including this one. Empty: there are no others. */
  live(): readonly ReplicaEpochs[];
  /** Replicas that fell silent without leaving, and may still issue tokens. */
  silent(): readonly ReplicaEpochs[];
  /** Looks for replicas that this one has not heard of yet. Never rejects. */
  seek(): Promise<void>;
}

/** Names of the replicas that have an epoch, or a later one, and of those that do not. */
export interface Informed {
  readonly informed: readonly string[];
  readonly late: readonly string[];
}

const BOUND_MS = 1_000;
const LOOK_MS = 25;

/** Waits until all live replicas have the epoch, for a second at most. Silent replicas are not waited for. */
export async function waitForReplicas(replicas: KnownReplicas, keyset: string, epoch: number): Promise<Informed> {
  const over = new AbortController();
  await endsWithin(BOUND_MS, untilInformed());
  over.abort();
  const all = [...replicas.live(), ...replicas.silent()];
  return { informed: namesOf(all.filter(isInformed)), late: namesOf(all.filter((replica) => !isInformed(replica))) };

  async function untilInformed(): Promise<void> {
    // Right after an outage, no heartbeat of another replica has arrived yet.
    await replicas.seek();
    while (!over.signal.aborted && !replicas.live().every(isInformed)) await pause(LOOK_MS, over.signal);
  }

  function isInformed({ epochs }: ReplicaEpochs): boolean {
    return (epochs[keyset] ?? 0) >= epoch;
  }
}

function namesOf(replicas: readonly ReplicaEpochs[]): string[] {
  return replicas.map(({ id }) => id).toSorted();
}
