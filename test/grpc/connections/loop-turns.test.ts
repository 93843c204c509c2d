import { setImmediate as nextTurn } from "node:timers/promises";
import test from "ava";
import { LoopTurns } from "../../../src/grpc/connections/loop-turns.ts";

test("a turn of the event loop has one number, and the next one another", async (t) => {
  const turns = new LoopTurns();
  const first = turns.current;
  await Promise.resolve();
  t.is(turns.current, first);
  await nextTurn();
  t.not(turns.current, first);
});
