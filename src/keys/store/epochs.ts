import type { Change, Entry, KeyValue } from "../../state/keyvalue.ts";
import { KeyringError } from "../error.ts";
import {
  type Epoch,
  judgeRecord,
  type RecordKeys,
  type RecordKind,
  unwrapRecord,
  wrapRecord,
} from "./authenticated-record.ts";
import { epochNumber, type StoredEpoch, type Survey, surveyEntries } from "./survey.ts";

/**
 * The epochs of one ring in the store. All promises reject with the {@link KeyringError} UNREADABLE when the store
 * fails.
 */
export interface Epochs<Record extends Epoch> {
  /**
   * Judges what the store holds. An epoch that {@link newsIn} met counts as well: it may have been overwritten since.
   * `held` is the epoch in use, 0 for none.
   */
  survey(held: number): Promise<Survey>;
  /** Throws {@link KeyringError} when the record can't be trusted or parsed. */
  read(stored: StoredEpoch): Record;
  wrap(record: Record): StoredEpoch;
  /** False when something else is at its place. With `overGarbage`, an entry that is garbage is replaced. */
  create(stored: StoredEpoch, overGarbage: boolean): Promise<boolean>;
  /** Empties every epoch below this one, which holds all private keys that may still sign. */
  emptyBelow(epoch: number): Promise<void>;
  /** Yields each change in `changes` after which the store must be surveyed again. `held` returns the epoch in use. */
  newsIn(changes: AsyncIterable<Change>, held: () => StoredEpoch): AsyncIterable<Change>;
}

/** How often garbage is replaced that comes back each time: another client writes faster. */
const ATTEMPTS = 4;

export function openEpochs<Record extends Epoch>(
  kind: RecordKind<Record>,
  store: KeyValue,
  keys: RecordKeys,
): Epochs<Record> {
  const { name, prefix } = kind;

  /** The highest epoch among the changes. */
  let met: StoredEpoch | undefined;

  function isGarbage({ value }: Entry, epoch: number): boolean {
    const verdict = judgeRecord(value, kind, epoch, keys);
    return verdict === "garbage" || verdict === "emptied";
  }

  /** Whether later epochs went over the place: other replicas may have emptied it since this one looked. */
  async function isTaken(epoch: number): Promise<boolean> {
    const { highest, next } = surveyEntries(await store.list(prefix), kind, epoch - 1, keys);
    return (highest?.epoch ?? 0) > epoch || next === "unknownKek";
  }

  function isNews(change: Change, held: StoredEpoch): boolean {
    if (change.type === "current" || change.type === "gap") return true;
    const [key, bytes] = change.type === "put" ? [change.entry.key, change.entry.value] : [change.key, undefined];
    const epoch = epochNumber(key, prefix) ?? 0;
    if (epoch === held.epoch) return bytes === undefined || !sameBytes(held, { epoch, bytes });
    if (epoch < held.epoch) return false;
    const authentic = bytes !== undefined && judgeRecord(bytes, kind, epoch, keys) === "authentic";
    if (authentic && epoch > (met?.epoch ?? 0)) met = { epoch, bytes };
    // Any number of strays may be written beyond the next place: none of them is worth a look at all entries.
    return authentic || epoch === held.epoch + 1;
  }

  return {
    survey: (held) =>
      withStore(name, async () => {
        const entries = await store.list(prefix);
        return surveyEntries(entries, kind, held, keys, met !== undefined && met.epoch > held ? met : undefined);
      }),
    read: ({ epoch, bytes }) => unwrapRecord(bytes, kind, epoch, keys),
    wrap: (record) => ({ epoch: record.epoch, bytes: wrapRecord(record, keys) }),
    create: ({ epoch, bytes }, overGarbage) =>
      withStore(name, async () => {
        const key = `${prefix}${epoch}`;
        for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
          if ((await store.create(key, bytes)) !== undefined) return true;
          const entry = overGarbage ? await store.get(key) : undefined;
          if (entry === undefined || !isGarbage(entry, epoch) || (await isTaken(epoch))) return false;
          // Of the replicas that replace the same garbage, one wins.
          if ((await store.update(key, bytes, entry.revision)) !== undefined) return true;
        }
        return false;
      }),
    emptyBelow: (epoch) =>
      withStore(name, async () => {
        for (const entry of await store.list(prefix)) {
          // Emptied, not deleted: a deleted epoch could be created again.
          const superseded = (epochNumber(entry.key, prefix) ?? epoch) < epoch && entry.value.byteLength > 0;
          if (superseded) await store.update(entry.key, new Uint8Array(), entry.revision);
        }
      }),
    async *newsIn(changes, held) {
      for await (const change of changes) if (isNews(change, held())) yield change;
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
