import { isNode, LineCounter, parseDocument } from "yaml";
import type { Fault } from "./fault.ts";

/** Nobody writes more; what takes a file apart goes down as many calls as it has levels. */
const MAX_DEPTH = 64;
const MAX_FAULTS = 100;
const TOO_DEEP = `must not nest deeper than ${MAX_DEPTH} levels`;

/** A YAML text as plain data, with the way back from a path to its line. */
export interface YamlDocument {
  readonly data: unknown;
  /** The line of the value at the path, or of its nearest parent that stands in the text; undefined in an empty file. */
  lineOf(path: readonly (string | number)[]): number | undefined;
}

/**
 * Parses YAML 1.2 strictly: one document, no duplicate key, no alias (a few lines of aliases can expand to gigabytes).
 * Faults carry the file's name and the line; at most 100 are told.
 */
export function parseYaml(text: string, file: string): YamlDocument | Fault[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false });
  const errors = [...document.errors, ...document.warnings];
  // The parser tells so what its own calls were too deep for.
  if (errors.some(({ message }) => message.includes("call stack"))) return [{ file, path: "", message: TOO_DEEP }];
  const faults = errors.slice(0, MAX_FAULTS).map((error) => ({
    file,
    line: lines.linePos(error.pos[0]).line,
    path: "",
    message: error.message,
  }));
  if (faults.length > 0) return faults;
  try {
    const data: unknown = document.toJS({ maxAliasCount: 0 });
    if (isDeeper(data, MAX_DEPTH)) return [{ file, path: "", message: TOO_DEEP }];
    return { data, lineOf: (path) => lineOf(path) };
  } catch (error) {
    const message = error instanceof RangeError ? TOO_DEEP : "aliases (*name) are not allowed";
    return [{ file, path: "", message }];
  }

  function lineOf(path: readonly (string | number)[]): number | undefined {
    for (let length = path.length; length >= 0; length -= 1) {
      const node: unknown = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
    }
    return undefined;
  }
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((inside) => isDeeper(inside, levels - 1));
}
