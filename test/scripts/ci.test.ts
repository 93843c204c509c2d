import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { runScript, stubPath } from "./stub-path.ts";

/** Runs .ci/run with a stub of make, whose `make test` and `make verify` run these shell commands. */
async function ci(t: ExecutionContext, makeTest: string, makeVerify: string, again = "exit 64") {
  const root = mkdtempSync(join(tmpdir(), "signet ci "));
  t.teardown(() => rmSync(root, { recursive: true }));
  cpSync(".ci/run", join(root, ".ci/run"));
  const make = `case "$*" in "test AVA_FLAGS=--tap") ${makeTest} ;; test) ${again} ;; verify) ${makeVerify} ;; *) exit 64 ;; esac`;
  const { code, stdout } = await runScript(join(root, ".ci/run"), [], await stubPath(root, { make }));
  const lines = stdout.trimEnd().split("\n");
  return { code, lines, last: lines.at(-1) };
}

function tap(pass: number, skip: number, fail: number): string {
  const lines = [
    ...Array.from({ length: pass }, (_, index) => `ok ${index} - a test`),
    ...Array.from({ length: skip }, (_, index) => `ok ${index} - a test # SKIP`),
    ...Array.from({ length: fail }, (_, index) => `not ok ${index} - a test`),
    `# fail ${fail}`,
  ];
  return `printf '%s\\n' ${lines.map((line) => `'${line}'`).join(" ")}`;
}
const CHECKED = "echo ok lint; echo ok types";

test("tests and checks that all pass are exit code 0 and one line of counts", async (t) => {
  t.like(await ci(t, tap(40, 0, 0), CHECKED), { code: 0, last: "42 passed, 0 failed" });
});

test("skipped tests are counted", async (t) => {
  t.like(await ci(t, tap(40, 2, 0), CHECKED), { code: 0, last: "42 passed, 0 failed, 2 skipped" });
});

test("tests that are still to be written count as skipped, though AVA counts them as failed", async (t) => {
  const todo = "echo 'not ok 3 - E2: a test # TODO'; echo '# fail 1'";
  t.like(await ci(t, `echo 'ok 1 - a test'; ${todo}`, CHECKED), { code: 0, last: "3 passed, 0 failed, 1 skipped" });
  const outcome = await ci(t, `echo 'ok 1 - a test'; ${todo}; exit 2`, CHECKED);
  t.like(outcome, { code: 1, last: "3 passed, 1 failed, 1 skipped" });
  t.false(
    outcome.lines.some((line) => line.startsWith("not ok")),
    "a search for failures finds nothing else",
  );
});

test("all failures are repeated at the end, with their details", async (t) => {
  const failed = "echo 'ok 1 - a'; echo 'not ok 2 - b'; echo '  why'; echo 'ok 3 - c'; echo '# fail 1'; exit 2";
  const { lines } = await ci(t, failed, "echo ok lint; echo not ok types; exit 2");
  t.deepEqual(lines.slice(-5), ["All failures again:", "not ok 2 - b", "  why", "not ok types", "3 passed, 2 failed"]);
});

test("a failed test fails the run, and the checks run all the same", async (t) => {
  t.like(await ci(t, `${tap(39, 0, 1)}; exit 2`, CHECKED), { code: 1, last: "41 passed, 1 failed" });
});

test("a failed check fails the run", async (t) => {
  const outcome = await ci(t, tap(40, 0, 0), "echo ok lint; echo not ok types; exit 2");
  t.like(outcome, { code: 1, last: "41 passed, 1 failed" });
});

test("a suite that dies before its summary is a failure, and runs once more to show why", async (t) => {
  const outcome = await ci(t, "echo ok 1 - a test; exit 2", CHECKED, "echo 1 test was pending; exit 2");
  t.like(outcome, { code: 1, last: "3 passed, 1 failed" });
  t.true(outcome.lines.includes("1 test was pending"));
});

test("a suite that reports no failure but exits with one is a failure", async (t) => {
  t.like(await ci(t, `${tap(40, 0, 0)}; exit 2`, CHECKED), { code: 1, last: "42 passed, 1 failed" });
});

test("a run without a test is a failure", async (t) => {
  t.like(await ci(t, tap(0, 0, 0), CHECKED), { code: 1, last: "2 passed, 1 failed" });
});

test("checks that die before the first result are a failure", async (t) => {
  t.like(await ci(t, tap(40, 0, 0), "exit 2"), { code: 1, last: "40 passed, 1 failed" });
});

test("the tests run with CI set and without input", async (t) => {
  const strict = `[ "$CI" = true ] && ! read -r line && ${tap(1, 0, 0)}`;
  t.like(await ci(t, strict, CHECKED), { code: 0, last: "3 passed, 0 failed" });
});
