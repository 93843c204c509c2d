import test from "ava";
import { brokenLinks, isThere, namedPaths, PAGES, readPage } from "./pages.ts";

// The changelog names the files of its day, and the walk-through files that the reader makes.
const OF_TODAY = PAGES.filter((path) => path !== "CHANGELOG.md");

for (const path of OF_TODAY)
  test(`every file that ${path} names is there`, (t) => {
    t.deepEqual(
      namedPaths(readPage(path)).filter((named) => !isThere(named)),
      [],
    );
  });

for (const path of PAGES)
  test(`every link of ${path} leads somewhere`, (t) => {
    t.deepEqual(brokenLinks(path, readPage(path)), []);
  });

test("ARCHITECTURE.md names the files of its walks", (t) => {
  t.true(namedPaths(readPage("ARCHITECTURE.md")).filter((path) => path.endsWith(".ts")).length > 50);
});

test("a missing file is found, and so is a broken link", (t) => {
  const page = "See `src/main.ts`, `src/gone.ts` and `test/docs/*.test.ts`.\n```\nsrc/also/gone/   a folder\n```\n";
  t.deepEqual(
    namedPaths(page).filter((named) => !isThere(named)),
    ["src/gone.ts", "src/also/gone/"],
  );
  const links = "# One\n[a](#one) [b](#two) [c](docs/gone.md) [d](docs/operations.md#gone) [e](src/main.ts)";
  t.deepEqual(brokenLinks("README.md", links), ["#two", "docs/gone.md", "docs/operations.md#gone"]);
});
