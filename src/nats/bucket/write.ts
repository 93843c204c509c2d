import { NatsError } from "nats";
import { pause } from "../../async/timeout.ts";
import type { WriteOptions } from "../../state/keyvalue.ts";
import { apiCode, isUnanswered, MESSAGE_NOT_FOUND } from "../errors.ts";
import type { Access, Bucket } from "./bucket.ts";
import { entryHeaders, type Operation, requireKey, type StoredEntry, storedEntry, subjectOf } from "./entry.ts";

// 10071 and, while another write of the key is still on its way through the cluster, 10164.
const WRONG_REVISION = [10071, 10164];
const IN_FLIGHT_MS = 20;

/** One write of one key. It may be offered several times. */
export interface Write {
  readonly key: string;
  readonly value: Uint8Array;
  readonly options: WriteOptions;
  readonly operation: Operation;
  /** Distinguishes this write from every other. */
  readonly id: string;
}

/**
 * The revision that was written. "conflict": the key has another revision. "unknown": it may be written, now or later.
 */
export type WriteOutcome = number | "conflict" | "unknown";

/** Writes if the key's last revision is `expected`, 0 for none. Throws LOST when the bucket was rolled back. */
export async function offer(bucket: Bucket, access: Access, write: Write, expected: number): Promise<WriteOutcome> {
  while (!access.signal.aborted) {
    const before = bucket.highest;
    try {
      const ack = await access.connection.jetstream().publish(subjectOf(bucket.name, write.key), write.value, {
        headers: entryHeaders(write.id, write.operation, write.options),
        expect: { streamName: bucket.name.stream, lastSubjectSequence: expected },
        timeout: access.requestMs,
      });
      bucket.sawWrite(ack.seq, before);
      return ack.seq;
    } catch (error) {
      const code = apiCode(error);
      if (code !== undefined && WRONG_REVISION.includes(code)) return "conflict";
      if (!(error instanceof NatsError)) throw error;
      if (isUnanswered(error)) return "unknown";
      if (error.code !== "503") throw error;
      // No server took it: the bucket is gone, or has no leader at the moment.
      await bucket.verify(access);
      await waitForInFlightWrites(access);
    }
  }
  return "unknown";
}

/**
 * Reads the last message of a key from the bucket's leader. A leader that was deposed without knowing it can be behind,
 * so this read decides nothing, except when it finds the caller's own write.
 */
export async function readLast(bucket: Bucket, { manager }: Access, key: string): Promise<StoredEntry | undefined> {
  try {
    const found = await manager.streams.getMessage(bucket.name.stream, { last_by_subj: subjectOf(bucket.name, key) });
    const { seq: revision, data: value, header } = found;
    const message = {
      key: requireKey(bucket.name, found.subject),
      revision,
      writtenAt: found.time.getTime(),
      value,
      headers: header,
    };
    // A damaged entry must not keep its key from being written: any client of NATS can damage one.
    return storedEntry(message, (error) => bucket.reportDamage(error.message));
  } catch (error) {
    if (apiCode(error) === MESSAGE_NOT_FOUND) return undefined;
    throw error;
  }
}

/** Waits a moment, in which a conflicting write that can't be read yet is stored or fails. */
export async function waitForInFlightWrites({ signal }: Access): Promise<void> {
  await pause(IN_FLIGHT_MS, signal);
}
