import test from "ava";
import { listen } from "../../src/async/follow.ts";
import { pauseAfterWatch, StateError } from "../../src/state/keyvalue.ts";

/** A source that is opened again and again, each time ends with the next error, and after the last one tells an item. */
async function openings(t: { timeout: (ms: number) => void }, errors: readonly StateError[]): Promise<number> {
  t.timeout(4_000);
  const stop = new AbortController();
  const problems: unknown[] = [];
  const left = [...errors];
  let opened = 0;
  async function* source(): AsyncGenerator<string> {
    opened += 1;
    const error = left.shift();
    if (error !== undefined) throw error;
    yield "told";
  }
  const hear = () => stop.abort();
  await listen(source, stop.signal, hear, (error) => problems.push(error), pauseAfterWatch);
  if (problems.length !== errors.length) throw new Error(`${problems.length} problems were told`);
  return opened;
}

test("a source whose store was lost is opened again before the pause after other failures is over", async (t) => {
  const lost = new StateError("LOST", "made anew");
  t.is(await openings(t, [lost, lost]), 3);
});
