import { MAX_LIVE_VALUE_BYTES, MAX_STATE_VALUE_BYTES } from "../../state/keyvalue.ts";

/** One of Signet's buckets, under the names that NATS gives to the streams of key-value stores: its tools can read it. */
export interface BucketName {
  readonly bucket: string;
  readonly stream: string;
  /** Before the keys in the subjects of the bucket. */
  readonly root: string;
  /** How {@link JudgeSettings} judges its settings. */
  readonly use: "bucket" | "live";
  readonly maxValueBytes: number;
}

/** Holds sealed keys, secrets and revocations. */
export const STATE_BUCKET = named("signet", "bucket", MAX_STATE_VALUE_BYTES);
/** Holds what changes with each use of a token. */
export const LIVE_BUCKET = named("signet-live", "live", MAX_LIVE_VALUE_BYTES);

function named(bucket: string, use: BucketName["use"], maxValueBytes: number): BucketName {
  return { bucket, stream: `KV_${bucket}`, root: `$KV.${bucket}.`, use, maxValueBytes };
}
