import {
  DiscardPolicy,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
} from "nats";
import { StateError } from "../../state/keyvalue.ts";
import { apiCode } from "../errors.ts";
import { findStream } from "../find-stream.ts";
import type { BucketName } from "./name.ts";

const STREAM_EXISTS = 10058;

/**
 * The settings of a bucket: one message per key. `discard: new` and no maximum age, because a key that disappears by
 * itself could be created twice, and a revoked token be valid again. No direct reads, because followers answer them
 * too, and may be behind. `judgeSettings` says what other settings do.
 */
export function wantedBucket({ stream, root }: BucketName, replicas: number) {
  return {
    name: stream,
    subjects: [`${root}>`],
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

/** Creates the bucket if there is none. An existing one is never changed: the operator decides about its settings. */
export async function findOrCreateBucket(
  manager: JetStreamManager,
  name: BucketName,
  replicas: number,
): Promise<StreamInfo> {
  const found = await findStream(manager, name.stream);
  if (found !== undefined) return found;
  try {
    return await manager.streams.add(wantedBucket(name, replicas));
  } catch (error) {
    if (apiCode(error) !== STREAM_EXISTS) throw error;
    // Another replica, configured differently, created it between the two requests.
    return await manager.streams.info(name.stream);
  }
}

/**
 * The first version that kept every creation and update of a replicated bucket in tests that killed its leader: 2.9.25
 * lost some.
 */
const FIRST_SOUND = [2, 10, 27] as const;

/**
 * Throws UNAVAILABLE when a server of this version can't be trusted with a bucket of so many replicas. Only the server
 * that this client is connected to can be checked; the operator must keep the others of its cluster as new.
 */
export function checkServerVersion(version: string, replicas: number): void {
  if (replicas <= 1 || isSound(version)) return;
  throw new StateError(
    "UNAVAILABLE",
    `nats-server ${JSON.stringify(version)} loses updates of replicated buckets: nats.replicas ${replicas} needs ` +
      `${FIRST_SOUND.join(".")} or newer on every server of the cluster`,
  );
}

function isSound(version: string): boolean {
  const parts = /^v?(\d{1,6})\.(\d{1,6})\.(\d{1,6})(-.+)?$/.exec(version);
  if (parts === null) return false;
  for (const [at, least] of FIRST_SOUND.entries()) {
    const part = Number(parts[at + 1]);
    if (part !== least) return part > least;
  }
  // 2.10.27-rc.1 comes before 2.10.27.
  return parts[4] === undefined;
}
