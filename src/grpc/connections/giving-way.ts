import type { Connection, OpenCall } from "./connection.ts";

/** The connection without a call for the longest time; else the one of the highest usage, if its calls stay open. */
export function leastMissed(connections: readonly Connection[], at: number): Connection | undefined {
  const idle = connections.filter(({ calls }) => calls.length === 0);
  return (
    highest(idle, ({ idleSince }) => at - idleSince) ?? highest(connections, (connection) => connection.usage(at), 1)
  );
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
