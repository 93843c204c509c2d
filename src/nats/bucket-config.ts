import {
  DiscardPolicy,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
} from "nats";
import { apiCode, STREAM_NOT_FOUND } from "./errors.ts";

/** The stream under the bucket `signet`, by the convention of NATS' key-value stores: its tools can read it. */
export const BUCKET_STREAM = "KV_signet";

const STREAM_EXISTS = 10058;

/**
 * The settings of the bucket. One message a key. `discard: new` and no age, because a key that vanishes by itself can be
 * claimed again. No direct reads: followers answer them too, and may be behind.
 */
export function wantedBucket(replicas: number) {
  return {
    name: BUCKET_STREAM,
    subjects: ["$KV.signet.>"],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.New,
    max_age: 0,
    max_msgs: -1,
    max_bytes: -1,
    max_msgs_per_subject: 1,
    num_replicas: replicas,
    no_ack: false,
    allow_direct: false,
    deny_delete: true,
  } satisfies Partial<StreamConfig>;
}

/** The bucket as it stands; undefined where there is none. */
export async function findBucket(manager: JetStreamManager): Promise<StreamInfo | undefined> {
  try {
    return await manager.streams.info(BUCKET_STREAM);
  } catch (error) {
    if (apiCode(error) === STREAM_NOT_FOUND) return undefined;
    throw error;
  }
}

/** Makes the bucket unless there is one, which is never changed: its settings may be somebody's decision. */
export async function findOrMakeBucket(manager: JetStreamManager, replicas: number): Promise<StreamInfo> {
  const found = await findBucket(manager);
  if (found !== undefined) return found;
  try {
    return await manager.streams.add(wantedBucket(replicas));
  } catch (error) {
    if (apiCode(error) !== STREAM_EXISTS) throw error;
    // Made by another replica, with another idea of it, between the two questions.
    return await manager.streams.info(BUCKET_STREAM);
  }
}
