import { existsSync, readFileSync } from "node:fs";
import { join, normalize } from "node:path/posix";
import test from "ava";
import { readPage, tableRows } from "./pages.ts";

const CHECKOUT = join(import.meta.dirname, "..", "..");
const HEADING = "## What survives which failure";
const PAGE = readPage("docs/promises.md");

interface Link {
  /** Relative to the checkout. */
  readonly file: string;
  readonly title: string;
}

/** The links of a cell to tests, each with the title of one. `folder` is that of the page. */
function testLinks(cell: string, folder: string): Link[] {
  const links = [...cell.matchAll(/\[[^\]]+\]\(([^)\s]+\.test\.ts) "([^"]+)"\)/g)];
  return links.map(([, file = "", title = ""]) => ({ file: normalize(join(folder, file)), title }));
}

/** The title, or the template of one, at the head of each test of a file. */
const TITLE = /^ *\w*[tT]est\w*(?:\.serial)?\(\s*(?:"([^"\n]+)"|`([^`\n]+)`)/gm;

function hasTest({ file, title }: Link): boolean {
  const path = join(CHECKOUT, file);
  if (!existsSync(path)) return false;
  return [...readFileSync(path, "utf8").matchAll(TITLE)].some(([, text, template]) =>
    text === undefined ? patternOf(template ?? "").test(title) : text === title,
  );
}

function patternOf(template: string): RegExp {
  const parts = template.split(/\$\{[^}]*\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".+")}$`);
}

/** The links of a page that lead to no test, and the cells that have no link. */
function faultsOf(rows: readonly string[][], folder: string): string[] {
  return rows.flatMap(([what = "", ...cells]) =>
    cells.flatMap((cell) => {
      const links = testLinks(cell, folder);
      if (links.length === 0) return [`${what}: no test in "${cell}"`];
      return links.filter((link) => !hasTest(link)).map(({ file, title }) => `${what}: ${file} has no "${title}"`);
    }),
  );
}

test("each cell of docs/promises.md leads to a test that there is", (t) => {
  const rows = tableRows(PAGE);
  t.true(rows.length >= 15);
  t.deepEqual(faultsOf(rows, "docs"), []);
});

test("the rows of README.md are rows of docs/promises.md", (t) => {
  const rows = tableRows(readPage("README.md"), HEADING);
  const whole = tableRows(PAGE).map((row) => row.map((cell) => cell.replaceAll("](../", "](")));
  t.true(rows.length >= 8);
  t.deepEqual(
    rows.filter((row) => !whole.some((other) => other.join("|") === row.join("|"))),
    [],
  );
});

test("negative control: a title that no test has, a file that is not there, and a cell without a test are found", (t) => {
  const [row = []] = tableRows(PAGE);
  const changed = (from: RegExp, to: string) => faultsOf([row.map((cell) => cell.replace(from, to))], "docs");
  t.deepEqual(changed(/never/, ""), []);
  t.is(changed(/"killed at random/, '"killed at fixed').length, 1);
  t.is(changed(/restart\.test\.ts/, "restarted.test.ts").length, 1);
  t.is(changed(/^\[.*killed at random.*$/, "All of it").length, 1);
});
