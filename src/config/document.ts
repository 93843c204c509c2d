import { isNode, LineCounter, parseDocument } from "yaml";
import type { Fault } from "./fault.ts";

/** A YAML text as plain data, with the way back from a path to its line. */
export interface YamlDocument {
  readonly data: unknown;
  /** The line of the value at the path, or of its nearest parent that stands in the text; undefined in an empty file. */
  lineOf(path: readonly (string | number)[]): number | undefined;
}

/**
 * Parses YAML 1.2 strictly: one document, no duplicate key, no alias (a few lines of aliases can expand to gigabytes).
 * Faults carry the file's name and the line.
 */
export function parseYaml(text: string, file: string): YamlDocument | Fault[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false });
  const faults = [...document.errors, ...document.warnings].map((error) => ({
    file,
    line: lines.linePos(error.pos[0]).line,
    path: "",
    message: error.message,
  }));
  if (faults.length > 0) return faults;
  try {
    const data: unknown = document.toJS({ maxAliasCount: 0 });
    return { data, lineOf: (path) => lineOf(path) };
  } catch {
    return [{ file, path: "", message: "aliases (*name) are not allowed" }];
  }

  function lineOf(path: readonly (string | number)[]): number | undefined {
    for (let length = path.length; length >= 0; length -= 1) {
      const node: unknown = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
    }
    return undefined;
  }
}
