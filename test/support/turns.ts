import { setImmediate as turn } from "node:timers/promises";

/** Does the work, and counts the turns of the event loop that others have meanwhile. */
export async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let working = true;
  const counted = (async () => {
    for (; working; turns += 1) await turn();
  })();
  await work();
  working = false;
  await counted;
  return turns;
}
