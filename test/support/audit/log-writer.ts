import { createHash } from "node:crypto";
import { createLogSigner, type LogSigner } from "./log-signer.ts";

/** What a writer has written: the bodies of its events, which link and have log indexes, and its checkpoints. */
export interface LogWriter extends LogSigner {
  readonly bodies: readonly string[];
  /** Appends an event with these members. Returns its body. */
  append(members?: object): string;
  /** What follows is of a new epoch. */
  nextEpoch(): void;
  /** The note of the first `size` events; of all without it. */
  checkpointAt(size?: number): string;
}

/** A writer that has written nothing yet. It shares no code with the spool but the tree of its checkpoints. */
export function createLogWriter(writer: string): LogWriter {
  const signer = createLogSigner(writer);
  const bodies: string[] = [];
  let epoch = 1;
  let seq = 0;
  return {
    ...signer,
    bodies,
    append(members = { tokenIssued: { profile: "service", tokenId: `t-${bodies.length}`, keyId: "k1" } }) {
      const before = bodies.at(-1);
      seq += 1;
      const prevHash = before && createHash("sha256").update(before).digest("base64");
      const place = { writer, epoch: String(epoch), seq: String(seq), prevHash };
      const eventId = `${writer}-${bodies.length}`;
      const event = { eventId, time: "2026-11-22T12:00:00Z", ...place, ...members, logIndex: String(bodies.length) };
      bodies.push(JSON.stringify(event));
      return bodies.at(-1) ?? "";
    },
    nextEpoch() {
      epoch += 1;
      seq = 0;
    },
    checkpointAt: (size = bodies.length) => signer.checkpoint(bodies.slice(0, size)),
  };
}
