import { readPage } from "../docs/pages.ts";
import { blocksOf } from "../docs/walk-through.ts";

/** The shell blocks of a page below a heading, up to the next one. */
export function linesBelow(page: string, heading: string): string[] {
  const [, rest = ""] = readPage(page).split(`\n## ${heading}\n`);
  const [section = ""] = rest.split("\n## ");
  return blocksOf(section).map(({ lines }) => lines);
}
