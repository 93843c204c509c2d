/** What a replica says of itself. */
export interface PresenceRecord {
  readonly version: string;
  /** Unix milliseconds. */
  readonly startedAt: number;
  /** The epoch that it holds, by keyset. */
  readonly epochs: Readonly<Record<string, number>>;
}

/** Below it every replica has one entry, by its id. */
export const REPLICAS = "replicas/";

export function encodePresence(record: PresenceRecord): Uint8Array {
  return Buffer.from(JSON.stringify(record));
}

/** Undefined for what is no such record. What a later version adds is left out. */
export function parsePresence(value: Uint8Array): PresenceRecord | undefined {
  try {
    const { version, startedAt, epochs }: Partial<PresenceRecord> = JSON.parse(Buffer.from(value).toString()) ?? {};
    if (typeof version !== "string" || !isCount(startedAt) || typeof epochs !== "object" || epochs === null)
      return undefined;
    return Object.values(epochs).every(isCount) ? { version, startedAt, epochs } : undefined;
  } catch {
    return undefined;
  }
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
