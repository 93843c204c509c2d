import test from "ava";
import { durationMs, formatDuration } from "../../src/schema/duration.ts";

for (const [text, ms] of [
  ["0s", 0],
  ["500ms", 500],
  ["90s", 90_000],
  ["15m", 900_000],
  ["24h", 86_400_000],
  ["30d", 2_592_000_000],
  ["007s", 7_000],
] as const) {
  test(`${text} is ${ms} ms`, (t) => {
    t.is(durationMs(text), ms);
  });
}

for (const text of [
  "",
  "5",
  "s",
  "1.5s",
  "-1s",
  "+1s",
  "1 s",
  " 1s",
  "1s ",
  "1s\n",
  "1S",
  "1h30m",
  "1w",
  "1e3s",
  "٣s",
]) {
  test(`${JSON.stringify(text)} is not a duration`, (t) => {
    t.is(durationMs(text), undefined);
  });
}

test("a duration beyond the safe integers is none", (t) => {
  t.is(durationMs("104249991d"), 104_249_991 * 86_400_000);
  t.is(durationMs("104249992d"), undefined);
  t.is(durationMs("1000000000000ms"), undefined, "more than twelve digits");
});

for (const text of ["1ms", "1500ms", "90s", "17m", "25h", "3d"])
  test(`${text} is formatted as it was written`, (t) => {
    t.is(formatDuration(durationMs(text) ?? 0), text);
  });

test("a duration is formatted in its largest unit", (t) => {
  t.is(formatDuration(86_400_000), "1d");
  t.is(formatDuration(1_020_000), "17m");
});
