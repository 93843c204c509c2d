import type { Entry, KeyValue } from "../../state/keyvalue.ts";
import { KeyringError } from "../error.ts";
import { type Epoch, type RecordKeys, type RecordKind, unwrapRecord, wrapRecord } from "./authenticated-record.ts";

/** An epoch as it is stored: the bytes of the record and its MAC. */
export interface StoredEpoch {
  readonly epoch: number;
  readonly bytes: Uint8Array;
}

/**
 * The epochs of one ring in the store. All promises reject with the {@link KeyringError} UNREADABLE when the store
 * fails.
 */
export interface Epochs<Record extends Epoch> {
  /** The highest epoch; undefined when there is none. */
  highest(): Promise<StoredEpoch | undefined>;
  /** Throws {@link KeyringError} when the record can't be trusted. */
  read(stored: StoredEpoch): Record;
  wrap(record: Record): StoredEpoch;
  /** False when the epoch exists already. */
  create(stored: StoredEpoch): Promise<boolean>;
  /** Empties every epoch below this one, which holds all private keys that may still sign. */
  emptyBelow(epoch: number): Promise<void>;
  /** Yields every epoch newer than `known()`, until the signal aborts. */
  follow(known: () => number, signal: AbortSignal): AsyncIterable<number>;
}

export function openEpochs<Record extends Epoch>(
  kind: RecordKind<Record>,
  store: KeyValue,
  keys: RecordKeys,
): Epochs<Record> {
  const { name, prefix } = kind;

  function numberOf(key: string): number {
    const text = key.slice(prefix.length);
    if (/^[1-9][0-9]{0,14}$/.test(text)) return Number(text);
    throw new KeyringError("BROKEN_RECORD", `${key} is not an epoch: allowed are ${prefix}1, ${prefix}2 ...`);
  }

  async function stored(): Promise<Entry[]> {
    const entries = await store.list(prefix);
    return entries.toSorted((left, right) => numberOf(left.key) - numberOf(right.key));
  }

  return {
    highest: () =>
      withStore(name, async () => {
        const highest = (await stored()).at(-1);
        return highest && { epoch: numberOf(highest.key), bytes: highest.value };
      }),
    read: ({ epoch, bytes }) => unwrapRecord(bytes, kind, epoch, keys),
    wrap: (record) => ({ epoch: record.epoch, bytes: wrapRecord(record, keys) }),
    create: ({ epoch, bytes }) =>
      withStore(name, async () => {
        const revision = await store.create(`${prefix}${epoch}`, bytes);
        return revision !== undefined;
      }),
    emptyBelow: (epoch) =>
      withStore(name, async () => {
        for (const entry of await stored()) {
          // Emptied, not deleted: a deleted epoch could be created again.
          const superseded = numberOf(entry.key) < epoch && entry.value.byteLength > 0;
          if (superseded) await store.update(entry.key, new Uint8Array(), entry.revision);
        }
      }),
    async *follow(known, signal) {
      for await (const change of store.watch(prefix, signal)) {
        if (change.type === "put" && numberOf(change.entry.key) > known()) yield numberOf(change.entry.key);
      }
    },
  };
}

async function withStore<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof KeyringError) throw cause;
    throw new KeyringError("UNREADABLE", `the epochs of ${name} can't be read or written in the store`, {
      cause,
    });
  }
}

export function sameBytes(left: StoredEpoch, right: StoredEpoch): boolean {
  return Buffer.compare(left.bytes, right.bytes) === 0;
}
