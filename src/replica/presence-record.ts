/** What a replica says of itself. */
export interface PresenceRecord {
  readonly version: string;
  /** Unix milliseconds. */
  readonly startedAt: number;
  /** The epoch that it holds, by keyset. */
  readonly epochs: Readonly<Record<string, number>>;
  /** When it said so, in Unix milliseconds. Absent, as the digests are: an earlier version wrote it. */
  readonly at?: number;
  readonly digests?: Digests;
}

/** Below it every replica has one entry, by its id. */
export const REPLICAS = "replicas/";

export function encodePresence(record: PresenceRecord): Uint8Array {
  return Buffer.from(JSON.stringify(record));
}

/** Undefined for what is no such record. What a later version adds is left out. */
export function parsePresence(value: Uint8Array): PresenceRecord | undefined {
  try {
    const record: Partial<PresenceRecord> = JSON.parse(Buffer.from(value).toString()) ?? {};
    const { version, startedAt, epochs, at, digests } = record;
    if (typeof version !== "string" || !isCount(startedAt) || !isRecordOf(isCount, epochs)) return undefined;
    return {
      ...{ version, startedAt, epochs },
      ...(isCount(at) ? { at } : {}),
      ...(isRecordOf(isText, digests) ? { digests } : {}),
    };
  } catch {
    return undefined;
  }
}

function isRecordOf<Value>(
  is: (value: unknown) => value is Value,
  record: unknown,
): record is Readonly<Record<string, Value>> {
  return typeof record === "object" && record !== null && Object.values(record).every(is);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

/** What all replicas must have alike, digested, by the name of the part. */
export type Digests = Readonly<Record<string, string>>;

/** Told the parts in which a replica differs: once, and again only when they are others. */
export type OnDifferences = (replica: string, parts: readonly string[]) => void;

/** To be given what each replica says, whenever it does. */
export function createDifferenceFilter(own: Digests, tell: OnDifferences): (replica: string, digests: Digests) => void {
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
