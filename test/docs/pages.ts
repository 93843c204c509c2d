import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path/posix";

const CHECKOUT = join(import.meta.dirname, "..", "..");

/** The documents of the checkout, by their path in it. */
export const PAGES = [
  ...["README.md", "ARCHITECTURE.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md"],
  ...globSync("docs/*.md", { cwd: CHECKOUT }).toSorted(),
  "deploy/helm/signet/README.md",
];

export function readPage(path: string): string {
  return readFileSync(join(CHECKOUT, path), "utf8");
}

const FOLDERS = "src|test|scripts|bench|docs|proto|profiles|policies|examples";

/** The paths below the checkout that a page names between backticks, or at the head of a line of a code block. */
export function namedPaths(page: string): string[] {
  const inline = page.matchAll(new RegExp(`\`((?:${FOLDERS})/[^\`\\s]*)\``, "g"));
  const listed = page.matchAll(new RegExp(`^ *((?:${FOLDERS})/\\S*)`, "gm"));
  return [...inline, ...listed].map(([, path = ""]) => path);
}

/** Whether a path, or a pattern with `*`, names something in the checkout. */
export function isThere(path: string): boolean {
  return path.includes("*") ? globSync(path, { cwd: CHECKOUT }).length > 0 : existsSync(join(CHECKOUT, path));
}

/** The links of a page that lead to no file, or to no heading of one. */
export function brokenLinks(path: string, page: string): string[] {
  const links = [...withoutCode(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
  return links.filter((link) => {
    if (/^https?:/.test(link)) return false;
    const [file = "", anchor] = link.split("#");
    const target = file === "" ? path : normalize(join(dirname(path), file));
    if (!isThere(target)) return true;
    const text = target === path ? page : target.endsWith(".md") ? readPage(target) : "";
    return anchor !== undefined && !anchorsOf(text).includes(anchor);
  });
}

/** The anchors that GitHub gives the headings of a page. */
function anchorsOf(page: string): string[] {
  return [...withoutCode(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

function withoutCode(page: string): string {
  return page.replace(/^```.*?^```$/gms, "");
}

/** The rows of the tables below a heading, up to the next heading; below no heading, of the whole page. */
export function tableRows(page: string, heading?: string): string[][] {
  const start = heading === undefined ? 0 : page.indexOf(`\n${heading}\n`) + 1;
  if (heading !== undefined && start === 0) throw new Error(`the page has no heading ${heading}`);
  const rest = page.slice(start).split("\n").slice(1);
  const end = heading === undefined ? -1 : rest.findIndex((line) => line.startsWith("#"));
  const lines = end === -1 ? rest : rest.slice(0, end);
  // The line after the head of a table is all dashes.
  return lines
    .filter((line, at) => line.startsWith("|") && !lines[at + 1]?.startsWith("|---") && !line.startsWith("|---"))
    .map((line) =>
      line
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim()),
    );
}

/** The text between the first backticks of a cell. */
export function codeOf(cell = ""): string | undefined {
  return /`([^`]*)`/.exec(cell)?.[1];
}
