import { NatsError } from "nats";
import { pause } from "../../async/timeout.ts";
import type { WriteOptions } from "../../state/keyvalue.ts";
import { apiCode, MESSAGE_NOT_FOUND } from "../errors.ts";
import type { Access, Bucket } from "./bucket.ts";
import { BUCKET_STREAM } from "./config.ts";
import { entryHeaders, type Operation, requireKey, type StoredEntry, storedEntry, subjectOf } from "./entry.ts";

// 10071 and, where another write of the key is still on its way through the cluster, 10164.
const WRONG_REVISION = [10071, 10164];
const REQUEST_MS = 1000;
const IN_FLIGHT_MS = 20;

/** One write of one key, which may be offered several times. */
export interface Write {
  readonly key: string;
  readonly value: Uint8Array;
  readonly options: WriteOptions;
  readonly operation: Operation;
  /** Tells this write from every other. */
  readonly id: string;
}

/** The revision that was written. "conflict": the key has another one. "unknown": it may be written, or be so yet. */
export type WriteOutcome = number | "conflict" | "unknown";

/** Writes if the key's last revision is `expected`; 0: if it has none. Throws LOST when the bucket went back. */
export async function offer(bucket: Bucket, access: Access, write: Write, expected: number): Promise<WriteOutcome> {
  while (!access.signal.aborted) {
    const before = bucket.highest;
    try {
      const ack = await access.connection.jetstream().publish(subjectOf(write.key), write.value, {
        headers: entryHeaders(write.id, write.operation, write.options),
        expect: { streamName: BUCKET_STREAM, lastSubjectSequence: expected },
        timeout: REQUEST_MS,
      });
      bucket.wrote(ack.seq, before);
      return ack.seq;
    } catch (error) {
      const code = apiCode(error);
      if (code !== undefined && WRONG_REVISION.includes(code)) return "conflict";
      if (!(error instanceof NatsError)) throw error;
      if (error.code === "TIMEOUT") return "unknown";
      if (error.code !== "503") throw error;
      // Nobody has taken it: the bucket is gone, or a leader is yet to be found.
      await bucket.verify(access);
      await letOthersLand(access);
    }
  }
  return "unknown";
}

/**
 * The last message of a key, asked of the bucket's leader. A leader that was deposed without knowing it can be behind: what
 * is read decides nothing, but for a write that is found in it.
 */
export async function readLast({ manager }: Access, key: string): Promise<StoredEntry | undefined> {
  try {
    const found = await manager.streams.getMessage(BUCKET_STREAM, { last_by_subj: subjectOf(key) });
    const { seq: revision, data: value, header } = found;
    const message = {
      key: requireKey(found.subject),
      revision,
      writtenAt: found.time.getTime(),
      value,
      headers: header,
    };
    return storedEntry(message, (error) => {
      throw error;
    });
  } catch (error) {
    if (apiCode(error) === MESSAGE_NOT_FOUND) return undefined;
    throw error;
  }
}

/** Lets a conflicting write that can't be read yet come through, or fail. */
export async function letOthersLand({ signal }: Access): Promise<void> {
  await pause(IN_FLIGHT_MS, signal);
}
