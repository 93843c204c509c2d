import type { Connection, OpenCall } from "./connection.ts";

/** An idle client is between two calls, or has just connected, until it has been idle for so long. In milliseconds. */
const BETWEEN_CALLS_MS = 1_000;

type Ranked = Pick<Connection, "calls" | "idleSince" | "usage">;

/**
 * The connection that makes room for another: the one without a call for the longest time; else the one of the highest
 * usage, if its calls stay open. A client that is between two calls comes last, because sockets that each hold a silent
 * stream would otherwise shut it out.
 */
export function leastMissed<Candidate extends Ranked>(
  connections: readonly Candidate[],
  at: number,
): Candidate | undefined {
  const idle = connections.filter(({ calls }) => calls.length === 0);
  const longestIdle = highest(idle, ({ idleSince }) => at - idleSince);
  if (longestIdle !== undefined && at - longestIdle.idleSince >= BETWEEN_CALLS_MS) return longestIdle;
  return highest(connections, (connection) => connection.usage(at), 1) ?? longestIdle;
}

/** The call that makes room for one more of `asking`; undefined when no connection takes far more than that one. */
export function oldestCallOfHighestUsage(
  connections: Iterable<Connection>,
  asking: Connection,
  at: number,
): OpenCall | undefined {
  return highest(connections, (connection) => connection.usage(at), 2 * asking.usage(at))?.oldestCall();
}

/** The item with the highest value above `floor`. */
export function highest<Item>(items: Iterable<Item>, rank: (item: Item) => number, floor = -1): Item | undefined {
  let [found, value]: [Item | undefined, number] = [undefined, floor];
  for (const item of items) {
    const its = rank(item);
    if (its > value) [found, value] = [item, its];
  }
  return found;
}
