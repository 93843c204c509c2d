import test from "ava";
import { createShutdown } from "../../src/async/shutdown.ts";

/** Records what was ended, in its order, and the errors that were reported. */
function endingsUnderTest() {
  const reported: string[] = [];
  const ended: string[] = [];
  const endings = createShutdown((error) => reported.push(error instanceof Error ? error.message : String(error)));
  const add = (name: string, work: (leftMs: number) => unknown = () => undefined) =>
    endings.add((leftMs) => {
      ended.push(name);
      return work(leftMs);
    });
  return { reported, ended, add, end: endings.end };
}

test("the last to start ends first, and an ending that fails does not prevent the others", async (t) => {
  const { reported, ended, add, end } = endingsUnderTest();
  add("first");
  add("throws", () => {
    throw new Error("at once");
  });
  add("rejects", () => Promise.reject(new Error("later")));
  await end(60_000);
  t.deepEqual(ended, ["rejects", "throws", "first"]);
  t.deepEqual(reported, ["later", "at once"]);
});

test("an ending that hangs is reported and left, and the others run", async (t) => {
  const { reported, ended, add, end } = endingsUnderTest();
  add("store");
  add("hangs", () => new Promise(() => {}));
  add("calls");
  await end(100);
  t.deepEqual(ended, ["calls", "hangs", "store"]);
  t.deepEqual(reported, ["a part of the service did not stop in time: the stop went on without it"]);
});

test("however many hang, all are begun, and the last ones get the least time", async (t) => {
  const { reported, ended, add, end } = endingsUnderTest();
  const left: number[] = [];
  const names = Array.from({ length: 20 }, (_, at) => `${at}`);
  for (const name of names)
    add(name, (leftMs) => {
      left.push(leftMs);
      return new Promise(() => {});
    });
  await end(1_500);
  t.deepEqual(ended, names.toReversed());
  t.is(reported.length, 20);
  t.true((left[0] ?? 0) > (left.at(-1) ?? 0), left.join(" "));
});

test("endings within an ending are all begun before what was begun earlier is ended", async (t) => {
  const outer = endingsUnderTest();
  const inner = endingsUnderTest();
  const order: string[] = [];
  outer.add("store", () => order.push("store"));
  outer.add("services", (leftMs) => inner.end(leftMs));
  inner.add("ring", () => order.push("ring"));
  inner.add("hangs", () => new Promise(() => {}));
  await outer.end(1_500);
  t.deepEqual(order, ["ring", "store"]);
  t.deepEqual(outer.reported, []);
});
