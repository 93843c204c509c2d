/** What all replicas must have alike, digested, by the name of the part. */
export type Digests = Readonly<Record<string, string>>;

/** Told the parts in which a replica differs: once, and again only when they are others. */
export type TellDifferences = (replica: string, parts: readonly string[]) => void;

/** To be given what each replica says, whenever it does. */
export function differencesFrom(own: Digests, tell: TellDifferences): (replica: string, digests: Digests) => void {
  const told = new Map<string, string>();
  return (replica, digests) => {
    const parts = differingParts(own, digests);
    if (parts.join() === (told.get(replica) ?? "")) return;
    told.set(replica, parts.join());
    if (parts.length > 0) tell(replica, parts);
  };
}

/** Another version may tell of other parts: of those nobody knows whether they differ. */
function differingParts(own: Digests, other: Digests): string[] {
  return Object.keys(own).filter((part) => other[part] !== undefined && other[part] !== own[part]);
}
