import test from "ava";
import { isThere, readPage, tableRows } from "./pages.ts";

const PROMISES = tableRows(readPage("SECURITY.md"), "## Promises");

test("each promise of SECURITY.md says how it is kept, and names the tests that hold it", (t) => {
  t.true(PROMISES.length > 20);
  for (const [promise = "", how = "", tests = "", ...more] of PROMISES) {
    const named = tests.split(", ").map((text) => /^`(test\/\S*\.test\.ts)`$/.exec(text)?.[1] ?? text);
    t.deepEqual(
      named.filter((path) => !path.endsWith(".test.ts") || !isThere(path)),
      [],
      promise,
    );
    t.deepEqual([how !== "", more], [true, []], promise);
  }
});

test("README.md and ARCHITECTURE.md lead to SECURITY.md", (t) => {
  for (const page of ["README.md", "ARCHITECTURE.md"]) t.true(readPage(page).includes("](SECURITY.md)"), page);
});
