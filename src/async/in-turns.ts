import { setImmediate as turn } from "node:timers/promises";

/** How many items are yielded in one turn of the event loop. */
const PER_TURN = 1_000;

/** Yields the items of a long list, and lets the calls that wait meanwhile have their turn. */
export async function* inTurns<Item>(items: Iterable<Item>): AsyncGenerator<Item> {
  let count = 0;
  for (const item of items) {
    yield item;
    if (++count % PER_TURN === 0) await turn();
  }
}
