import test from "ava";
import { MAX_LIVE_VALUE_BYTES, MAX_STATE_VALUE_BYTES } from "../../src/state/keyvalue.ts";
import { createMemoryKeyValue } from "../../src/state/memory.ts";
import { keyValueContract } from "../contract/keyvalue.ts";

const open = (maxValueBytes: number) => async () => {
  const clock = { now: 1_700_000_000_000 };
  return { store: createMemoryKeyValue(() => clock.now, maxValueBytes), clock };
};

keyValueContract(test, open(MAX_STATE_VALUE_BYTES));
keyValueContract(
  (title, implementation) => test(`the live store: ${title}`, implementation),
  open(MAX_LIVE_VALUE_BYTES),
  MAX_LIVE_VALUE_BYTES,
);
