import test from "ava";
import fc from "fast-check";
import { StreamTable } from "../../../src/grpc/process/young-calls.ts";

const key = fc.integer({ min: 1, max: 12 });
const step = fc.oneof(
  fc.record({ type: fc.constant("set" as const), key, value: fc.option(fc.nat(3), { nil: undefined }) }),
  fc.record({ type: fc.constant("delete" as const), key }),
  fc.record({ type: fc.constant("clear" as const) }),
);

const sorted = (map: Map<number, unknown>) => [...map].toSorted(([left], [right]) => left - right);

test("it does what a Map does, in the order of its keys", (t) => {
  const property = fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const map = new Map<number, number | undefined>();
    const table = new StreamTable<number | undefined>();
    for (const step of steps) {
      const results = [map, table].map((one) => {
        if (step.type === "set") return one.set(step.key, step.value) === one;
        return step.type === "delete" ? one.delete(step.key) : one.clear();
      });
      t.is(results[1], results[0]);
      t.is(table.size, map.size);
      t.deepEqual([...table], sorted(map));
      t.deepEqual(
        [...table.keys()],
        [...table].map(([key]) => key),
      );
      t.deepEqual(
        [...table.values()],
        [...table].map(([, value]) => value),
      );
      for (let at = 0; at <= 13; at += 1) t.deepEqual([table.has(at), table.get(at)], [map.has(at), map.get(at)]);
    }
  });
  t.notThrows(() => fc.assert(property));
});

test("what is deleted while all are visited is not visited any more", (t) => {
  const table = new StreamTable<string>();
  for (const at of [1, 3, 5]) table.set(at, `stream ${at}`);
  const visited: string[] = [];
  table.forEach((value, key, map) => {
    visited.push(value);
    map.delete(key);
    map.delete(3);
  });
  t.deepEqual(visited, ["stream 1", "stream 5"]);
  t.is(table.size, 0);
});
