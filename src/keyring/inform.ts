import { setTimeout as pause } from "node:timers/promises";

/** A replica that lives, and the epoch of each keyset that it holds. */
export interface HoldingReplica {
  readonly id: string;
  readonly epochs: Readonly<Record<string, number>>;
}

/** Names of replicas that hold an epoch, or a later one, and of those that do not. */
export interface Informed {
  readonly informed: readonly string[];
  readonly late: readonly string[];
}

const LOOKS = 40;
const LOOK_MS = 25;

/** Waits until all replicas that live hold the epoch, for a second at most. */
export async function informReplicas(
  replicas: () => readonly HoldingReplica[],
  keyset: string,
  epoch: number,
): Promise<Informed> {
  let now = look();
  for (let looks = 1; looks < LOOKS && now.late.length > 0; looks += 1) {
    await pause(LOOK_MS);
    now = look();
  }
  return now;

  function look(): Informed {
    const holds = ({ epochs }: HoldingReplica) => (epochs[keyset] ?? 0) >= epoch;
    const all = replicas();
    const names = (some: readonly HoldingReplica[]) => some.map(({ id }) => id);
    return { informed: names(all.filter(holds)), late: names(all.filter((replica) => !holds(replica))) };
  }
}
