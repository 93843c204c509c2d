import type { Digests } from "./differences.ts";

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
