import type { JSONWebKeySet } from "jose";
import { tally } from "../collect.ts";

/** One replica's view of a keyset at one moment. */
export interface RingSight {
  readonly replica: string;
  readonly epoch: number;
  readonly kids: readonly string[];
  readonly jwks: JSONWebKeySet;
}

/** An epoch that a replica logged as its own. */
export interface MadeEpoch {
  readonly replica: string;
  readonly epoch: number;
  /** The kids of its new keys. */
  readonly added: readonly string[];
}

/** The kinds of fault in a ring that replicas share. */
export type RingFault = "EMPTY_RING" | "EPOCH_FELL" | "EPOCH_MADE_TWICE" | "EPOCH_WITH_TWO_RINGS" | "KID_WITH_TWO_KEYS";

/** Counts the faults in the sights, which are in order of time. Empty if the replicas share one ring. */
export function ringFaults(
  sights: readonly RingSight[],
  made: readonly MadeEpoch[],
): Partial<Record<RingFault, number>> {
  return tally([
    ...sights.filter(({ jwks }) => jwks.keys.length === 0).map((): RingFault => "EMPTY_RING"),
    ...fallen(sights),
    ...differing(
      made,
      ({ epoch }) => epoch,
      // Without new keys two replicas make the same record, byte for byte. Where an answer of the store was lost, each
      // takes it for its own.
      ({ replica, added }) => (added.length > 0 ? replica : "any"),
    ).map((): RingFault => "EPOCH_MADE_TWICE"),
    ...differing(
      sights,
      ({ epoch }) => epoch,
      ({ kids }) => kids.toSorted().join(),
    ).map((): RingFault => "EPOCH_WITH_TWO_RINGS"),
    ...differing(
      sights.flatMap(({ jwks }) => jwks.keys),
      ({ kid }) => kid,
      ({ x, n }) => x ?? n,
    ).map((): RingFault => "KID_WITH_TWO_KEYS"),
  ]);
}

function fallen(sights: readonly RingSight[]): RingFault[] {
  const highest = new Map<string, number>();
  return sights.flatMap(({ replica, epoch }): RingFault[] => {
    const before = highest.get(replica) ?? 0;
    highest.set(replica, Math.max(before, epoch));
    return epoch < before ? ["EPOCH_FELL"] : [];
  });
}

/** The names that stand for more than one value. */
function differing<Item, Name>(
  items: readonly Item[],
  nameOf: (item: Item) => Name,
  thingOf: (item: Item) => unknown,
): Name[] {
  const groups = Map.groupBy(items, nameOf);
  return [...groups].filter(([, group]) => new Set(group.map(thingOf)).size > 1).map(([name]) => name);
}
