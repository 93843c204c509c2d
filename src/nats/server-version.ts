import { StateError } from "../state/keyvalue.ts";

/** The first version measured to keep every claim and update of a replicated bucket when its leader is killed: 2.9.25 lost some. */
const FIRST_SOUND = [2, 10, 27] as const;

/**
 * Throws UNAVAILABLE when a server of this version can't be trusted with a bucket of so many replicas. It is told of the
 * server that this client is connected to; the others of its cluster are the operator's to keep as new.
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
