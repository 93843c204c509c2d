/** What a replica writes about itself at each heartbeat. */
export interface PresenceRecord {
  readonly version: string;
  /** Unix milliseconds. */
  readonly startedAt: number;
  /** The epoch that the replica holds of each keyset. */
  readonly epochs: Readonly<Record<string, number>>;
  /** When it was written, in Unix milliseconds. Absent, like the digests, in records of earlier versions. */
  readonly at?: number;
  readonly digests?: Digests;
  /** Who writes the replica's audit log now. Absent in records of earlier versions: it is the replica's id. */
  readonly writer?: string;
}

/** The prefix of the entries: each replica has one, named by its id. */
export const REPLICAS = "replicas/";

export function encodePresence(record: PresenceRecord): Uint8Array {
  return Buffer.from(JSON.stringify(record));
}

/** Undefined for an invalid record. Fields that a later version adds are ignored. */
export function parsePresence(value: Uint8Array): PresenceRecord | undefined {
  try {
    const record: Partial<PresenceRecord> = JSON.parse(Buffer.from(value).toString()) ?? {};
    const { version, startedAt, epochs, at, digests, writer } = record;
    if (typeof version !== "string" || !isCount(startedAt) || !isRecordOf(isCount, epochs)) return undefined;
    return {
      ...{ version, startedAt, epochs },
      ...(isCount(at) ? { at } : {}),
      ...(isRecordOf(isText, digests) ? { digests } : {}),
      ...(isText(writer) ? { writer } : {}),
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

/** Digests of the settings that all replicas must share, by the name of the setting. */
export type Digests = Readonly<Record<string, string>>;

/** Called with the parts in which a replica differs: once, and again only when the parts change. */
export type OnDifferences = (replica: string, parts: readonly string[]) => void;

/**
 * Takes the digests of every heartbeat, and calls `onDifferences` only when a difference is new and `mayReport`. What
 * was held back is new at the next heartbeat.
 */
export function createDifferenceFilter(
  own: Digests,
  onDifferences: OnDifferences,
  mayReport: () => boolean,
): (replica: string, digests: Digests) => void {
  const reported = new Map<string, string>();
  return (replica, digests) => {
    const parts = differingParts(own, digests);
    if (parts.join() === (reported.get(replica) ?? "")) return;
    if (parts.length === 0) return void reported.delete(replica);
    if (!mayReport()) return;
    reported.set(replica, parts.join());
    onDifferences(replica, parts);
  };
}

/** A part that the other replica does not report, because its version differs, counts as equal. */
function differingParts(own: Digests, other: Digests): string[] {
  return Object.keys(own).filter((part) => other[part] !== undefined && other[part] !== own[part]);
}
