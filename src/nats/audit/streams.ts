import { type JetStreamManager, NatsError, type StreamInfo } from "nats";
import { findStream } from "../find-stream.ts";

/**
 * The streams that hold the audit log, the oldest first. The second takes the events once the subjects of the first were
 * moved away: a stream that was created with deny_purge can never be trimmed, since JetStream does not let it go.
 */
export const AUDIT_STREAMS = ["SIGNET_AUDIT", "SIGNET_AUDIT_2"] as const;
export const [AUDIT_STREAM, NEXT_AUDIT_STREAM] = AUDIT_STREAMS;

export const AUDIT_SUBJECTS = "signet.audit.>";

/** Whether JetStream stores events in this stream. It is the only one then: it lets no two streams share a subject. */
export function takesEvents({ config }: Pick<StreamInfo, "config">): boolean {
  // A mirror has none, whatever the library's types say.
  const subjects: readonly string[] | undefined = config.subjects;
  return (subjects ?? []).some((subject) => overlaps(subject.split("."), AUDIT_SUBJECTS.split(".")));
}

function overlaps([left, ...moreLeft]: readonly string[], [right, ...moreRight]: readonly string[]): boolean {
  if (left === undefined || right === undefined) return left === right;
  if (left === ">" || right === ">") return true;
  return (left === right || left === "*" || right === "*") && overlaps(moreLeft, moreRight);
}

/**
 * Whether the subjects of this stream were moved away, so that the next one is to take the events. Without deny_purge
 * there is no reason for it: then its subjects are a mistake. So is a mirror, which has none.
 */
export function wasLeft(info: Pick<StreamInfo, "config">): boolean {
  return info.config.deny_purge && info.config.mirror === undefined && !takesEvents(info);
}

/**
 * The streams of the log that exist, the oldest first: all events are in them. The second is asked for only where it can
 * exist, because users of earlier versions have no permission for it.
 */
export async function findAuditStreams(manager: JetStreamManager): Promise<StreamInfo[]> {
  const first = await findStream(manager, AUDIT_STREAM);
  if (first !== undefined && takesEvents(first)) return [first];
  const second = await findStream(manager, NEXT_AUDIT_STREAM).catch((error) => {
    if (isDenied(error) && !(first !== undefined && wasLeft(first))) return undefined;
    throw error;
  });
  return [first, second].filter((found) => found !== undefined);
}

/** Whether the server does not let this user ask. */
export function isDenied(error: unknown): boolean {
  return error instanceof NatsError && error.permissionContext !== undefined;
}
