import { readdirSync, readFileSync } from "node:fs";
import test from "ava";
import { report } from "../../scripts/conformance/report.ts";
import { ROWS, rowOf } from "../../scripts/conformance/rows.ts";
import { readTapLine, type TestResult } from "../../scripts/conformance/tap.ts";

const FOLDER = new URL("../conformance/", import.meta.url);

const sources = () =>
  readdirSync(FOLDER)
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => readFileSync(new URL(name, FOLDER), "utf8"));

/** The row of every title that stands in a test file. */
function rowsIn(source: string): string[] {
  return Array.from(
    source.matchAll(/\b(?:test(?:\.serial|\.todo|WithNats)?|serialTestWithNats)\(\s*["'`]([A-Z]\d+)[ :]/g),
    ([, row = ""]) => row,
  );
}

/** Rows about issuing at a given time, for which the service runs in the process of the test. */
const AT_A_GIVEN_TIME = ["E8", "H1", "R5", "S3", "V1"];

/** The rows of which a test starts the service in its own process. */
function inProcessRows(source: string): string[] {
  const tests = source.split(/^(?=test|serialTest)/m);
  return tests.filter((text) => /\bstart(?:Service|App)\(/.test(text)).map((text) => rowsIn(text)[0] ?? "no row");
}

test("every row runs against a service in a process of its own, but those at a given time", (t) => {
  const rows = sources().flatMap(inProcessRows);
  t.deepEqual([...new Set(rows)].toSorted(), AT_A_GIVEN_TIME);
  t.deepEqual(inProcessRows('const help = () => startService(t);\ntest("E1: a", () => startApp(t));'), [
    "no row",
    "E1",
  ]);
});

test("every row of the acceptance lists has a test that begins with its id, and no test has another id", (t) => {
  const titled = new Set(sources().flatMap(rowsIn));
  t.is(ROWS.length, 76);
  t.deepEqual(
    ROWS.filter((row) => !titled.has(row)),
    [],
    "these rows have no test",
  );
  t.deepEqual(
    [...titled].filter((row) => !ROWS.includes(row)),
    [],
    "these ids are of no row",
  );
});

test("titles are found in tests of every kind, on the line of the call or on the next", (t) => {
  const source =
    'test.serial("E1: a", f);\ntest.todo("E2: b");\nserialTestWithNats("R8: d", f);\ntestWithNats(\n  `R3 (part): c`, f);\nt.is("E4: no", 1);';
  t.deepEqual(rowsIn(source), ["E1", "E2", "R8", "R3"]);
});

test("a title names its row and perhaps a part of it, with or without the name of its file", (t) => {
  t.deepEqual(rowOf("E10: nothing is signed"), { row: "E10", part: "", text: "nothing is signed" });
  t.deepEqual(rowOf("euler-stream › E8 (open socket): it stays"), { row: "E8", part: "open socket", text: "it stays" });
  t.is(rowOf("a title that is of no row"), undefined);
  t.is(rowOf("common › what X1: is no id"), undefined);
});

for (const [line, result] of [
  ["ok 1 - E1: a", { title: "E1: a", outcome: "passed" }],
  ["not ok 12 - E1: a - b", { title: "E1: a - b", outcome: "failed" }],
  ["ok 3 - E1: a # SKIP", { title: "E1: a", outcome: "skipped" }],
  ["not ok 4 - E2: a # TODO", { title: "E2: a", outcome: "todo" }],
  ["# not ok 5 - E2: a", undefined],
  ["    ok 6 - E2: in the details of another", undefined],
  ["1..6", undefined],
] as const) {
  test(`the TAP line "${line}" is ${result === undefined ? "no test" : `a test that ${result.outcome}`}`, (t) => {
    t.deepEqual(readTapLine(line), result);
  });
}

const result = (title: string, outcome: TestResult["outcome"] = "passed"): TestResult => ({ title, outcome });

test("rows that pass have a line each in their order, with their texts, and the totals are the last line", (t) => {
  t.deepEqual(report(["R1", "R2"], [result("R2: b"), result("R1: a"), result("R1: more")]), {
    lines: ["R1 pass: a; more", "R2 pass: b", "2 rows: 2 pass, 0 FAIL"],
    ok: true,
  });
});

test("one failure among the tests of a row fails it, with the title below", (t) => {
  const { lines, ok } = report(["E1", "E2"], [result("E1: a"), result("x › E1: b", "failed"), result("E2: c")]);
  t.deepEqual(lines, ["E1 FAIL: a; b\n    x › E1: b", "E2 pass: c", "2 rows: 1 pass, 1 FAIL"]);
  t.false(ok);
});

test("a row without a test, and one of which a test was skipped or is not written yet, are not in order", (t) => {
  t.deepEqual(report(["E1"], []), { lines: ["E1 NO TEST", "1 rows: 0 pass, 0 FAIL, 1 NO TEST"], ok: false });
  t.like(report(["E1"], [result("E1: a"), result("E1: b", "skipped")]), { ok: false });
  t.is(report(["E1"], [result("E1: a", "skipped")]).lines[0], "E1 SKIPPED: a");
  t.deepEqual(report(["E8"], [result("E8: a"), result("E8 (open socket): b", "todo")]), {
    lines: ["E8 TODO: a", "1 rows: 0 pass, 0 FAIL, 1 TODO"],
    ok: false,
  });
});

test("a failure of no row, and a test of a row that is not in the list, are not in order", (t) => {
  t.deepEqual(report(["E1"], [result("E1: a"), result("Uncaught exception", "failed")]), {
    lines: ["E1 pass: a", "FAIL, not in the list of rows: Uncaught exception", "1 rows: 1 pass, 0 FAIL"],
    ok: false,
  });
  t.false(report(["E1"], [result("E1: a"), result("E99: b")]).ok);
  t.true(report(["E1"], [result("E1: a"), result("of no row")]).ok);
});
