import test from "ava";
import { createChangeFilter } from "../../src/async/changes.ts";

function filterUnderTest() {
  const time = { now: 0 };
  return { time, isNew: createChangeFilter(() => time.now) };
}

test("a text is new when it changes, and not while it stays, also if its figures do not", (t) => {
  const { isNew } = filterUnderTest();
  t.deepEqual(["", "disk 1", "disk 22", "keys", "keys", "", "room"].map(isNew), [
    ...[false, true, false, true, false],
    ...[false, true],
  ]);
});

test("a text that comes and goes each second is new once a minute", (t) => {
  const { time, isNew } = filterUnderTest();
  const seconds: number[] = [];
  for (let second = 0; second < 130; second++) {
    time.now = second * 1000;
    if (isNew(second % 2 === 0 ? "disk" : "")) seconds.push(second);
  }
  t.deepEqual(seconds, [0, 60, 120]);
});

test("a text that came back within the minute, and stays, is reported when the minute is over", (t) => {
  const { time, isNew } = filterUnderTest();
  const reported: string[] = [];
  for (let second = 0; second < 130; second++) {
    time.now = second * 1000;
    const text = second >= 10 && second < 20 ? "keys" : "disk";
    if (isNew(text)) reported.push(`${second} ${text}`);
  }
  t.deepEqual(reported, ["0 disk", "10 keys", "60 disk"]);
});
