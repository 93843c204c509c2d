import type { NatsConnection } from "nats";
import { SinkError } from "../../audit/forward/sink.ts";
import { connectionOptions, type NatsAccess, readNatsFiles } from "../access.ts";
import { connectQuietly } from "../connect.ts";
import { dialFailure } from "../errors.ts";

/** A server whose disk stalls answers late: a command that was asked to read waits longer than the library would. */
export const ANSWER_MS = 20_000;

/** Auditors and archivers may read these inboxes alone: in those of replicas, the sealed keys arrive. */
const INBOX_PREFIX = "_INBOX.signet-audit";

/**
 * Connects as a reader of the audit log, for as long as it takes once it was connected. Throws the StartError NATS_FILES,
 * and a SinkError DISCONNECTED.
 */
export async function connectReader(access: NatsAccess, name: string): Promise<NatsConnection> {
  const options = connectionOptions(access, await readNatsFiles(access));
  return connectQuietly({ ...options, name, inboxPrefix: INBOX_PREFIX, maxReconnectAttempts: -1 }).catch((cause) => {
    throw new SinkError("DISCONNECTED", dialFailure(cause, options), { cause });
  });
}
