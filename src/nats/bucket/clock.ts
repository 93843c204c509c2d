import { AckPolicy, nanos } from "nats";
import { unavailable } from "../errors.ts";
import type { Access, Bucket } from "./bucket.ts";

/** How far the clock of NATS is ahead of this one, in milliseconds: somewhere in `offsetMs` ± `boundMs`. */
export interface ClockOffset {
  readonly offsetMs: number;
  readonly boundMs: number;
}

/** Clocks are read in whole milliseconds, rounded down. */
const RESOLUTION_MS = 1;

/**
 * Compares this clock with that of the server that leads the bucket (before 2.10: the cluster). The bound is half of
 * the round trip: under load the bound grows, not the error. The clocks of other servers of the cluster may differ.
 * Throws a StateError as {@link Bucket.call} does, and UNAVAILABLE when this clock is set back meanwhile.
 */
export function clockOffset(bucket: Bucket, now: () => number): Promise<ClockOffset> {
  return bucket.call("asking NATS for the time", async (access) => {
    const asked = now();
    const { ts } = await bucket.verify(access);
    const answered = now();
    if (ts !== undefined) return offsetOf(asked, Date.parse(ts), answered);
    const askedAgain = now();
    const server = await timeOfCreation(bucket, access);
    return offsetOf(askedAgain, server, now());
  });
}

/** Servers before 2.10 put no time into their answers, only into what they create. */
async function timeOfCreation(bucket: Bucket, { manager }: Access): Promise<number> {
  const { created } = await manager.consumers.add(bucket.name.stream, {
    ack_policy: AckPolicy.None,
    inactive_threshold: nanos(1000),
    mem_storage: true,
    num_replicas: 1,
  });
  return Date.parse(created);
}

function offsetOf(asked: number, server: number, answered: number): ClockOffset {
  if (answered < asked) throw unavailable("this machine's clock was set back while NATS was asked for the time");
  return { offsetMs: server - (asked + answered) / 2, boundMs: (answered - asked) / 2 + RESOLUTION_MS };
}
