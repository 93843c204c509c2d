import { text } from "../proto-json.ts";
import { event } from "./event-type.ts";

/** Why a writer began. */
export const OPENING_REASONS = ["NEW", "UPGRADED", "LOSS_ACCEPTED", "BEHIND_CHECKPOINT", "KEY_ROTATED"] as const;
export type OpeningReason = (typeof OPENING_REASONS)[number];

/** Why a writer ends in an orderly way. */
export type ClosingReason = "KEY_ROTATED" | "REPLICA_REMOVED";

export const WRITER_EVENTS = {
  "writer.opened": event(
    "writerOpened",
    (opened: {
      readonly origin: string;
      readonly verifierKey: string;
      readonly reason: OpeningReason;
      /** The writer before, and the origin of its log; empty where there is none. */
      readonly predecessor: string;
      readonly predecessorOrigin: string;
    }) => ({
      origin: text(opened.origin),
      verifierKey: text(opened.verifierKey),
      reason: text(opened.reason),
      predecessor: text(opened.predecessor),
      predecessorOrigin: text(opened.predecessorOrigin),
    }),
  ),
  "writer.closed": event(
    "writerClosed",
    (closed: {
      readonly reason: ClosingReason;
      /** Empty where there is none, as are its origin and its key. */
      readonly successor: string;
      readonly successorOrigin: string;
      readonly successorVerifierKey: string;
    }) => ({
      reason: text(closed.reason),
      successor: text(closed.successor),
      successorOrigin: text(closed.successorOrigin),
      successorVerifierKey: text(closed.successorVerifierKey),
    }),
  ),
  "audit.alive": event("auditAlive", (_: object) => ({})),
};
