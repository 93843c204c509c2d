import test from "ava";
import { createMemoryKeyValue } from "../../src/state/memory.ts";
import { keyValueContract } from "../contract/keyvalue.ts";

keyValueContract(test, async () => {
  const clock = { now: 1_700_000_000_000 };
  return { store: createMemoryKeyValue(() => clock.now), clock };
});
