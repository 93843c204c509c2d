import { isNode, isScalar, LineCounter, parseDocument, visit } from "yaml";
import { isExact, MUST_BE_EXACT } from "./exact-number.ts";
import { type Fault, type FaultAt, MAX_FAULTS, type Path } from "./fault.ts";
import { pathText } from "./path-text.ts";

/** No legitimate file is deeper, and code that walks a file recurses once for each level. */
const MAX_DEPTH = 64;
const TOO_DEEP = `must not nest deeper than ${MAX_DEPTH} levels`;

/** A YAML text as plain data. */
export interface YamlDocument {
  readonly data: unknown;
  /** The fault has the line of the value at its path, or of the nearest parent that the text has. */
  readonly faultAt: FaultAt;
}

/**
 * Parses YAML 1.2 strictly: one document, no duplicate key, no alias (a few lines of aliases can expand to gigabytes),
 * no number that loses digits.
 * Returns at most {@link MAX_FAULTS} faults, with the file's name and the line.
 */
export function parseYaml(text: string, file: string): YamlDocument | Fault[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false });
  const errors = [...document.errors, ...document.warnings];
  // This is how the parser reports that it overflowed the stack.
  if (errors.some(({ message }) => message.includes("call stack"))) return [{ file, path: "", message: TOO_DEEP }];
  if (errors.length > 0)
    return errors
      .slice(0, MAX_FAULTS)
      .map(({ pos, message }) => ({ file, line: lines.linePos(pos[0]).line, path: "", message }));
  try {
    const data: unknown = document.toJS({ maxAliasCount: 0 });
    if (isDeeper(data, MAX_DEPTH)) return [{ file, path: "", message: TOO_DEEP }];
    const inexact = [...inexactKeys(), ...inexactValues(data).map((path) => faultAt(path, MUST_BE_EXACT))];
    return inexact.length > 0 ? inexact.slice(0, MAX_FAULTS) : { data, faultAt };
  } catch (error) {
    const message = error instanceof RangeError ? TOO_DEEP : "aliases (*name) are not allowed";
    return [{ file, path: "", message }];
  }

  function faultAt(path: Path, message: string): Fault {
    const line = lineOf(path);
    return { file, ...(line === undefined ? {} : { line }), path: pathText(path), message };
  }

  /** A key that is a number becomes the text of the parsed number. */
  function inexactKeys(): Fault[] {
    const found: Fault[] = [];
    visit(document, {
      Pair(_, { key }) {
        if (!isScalar(key) || typeof key.value !== "number" || isExact(key.value)) return;
        const line = key.range ? { line: lines.linePos(key.range[0]).line } : {};
        found.push({ file, ...line, path: "", message: `a key ${MUST_BE_EXACT}` });
      },
    });
    return found;
  }

  function lineOf(path: Path): number | undefined {
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

/** The paths of the numbers that may not be the ones that were written. */
function inexactValues(value: unknown): Path[] {
  if (typeof value === "number") return isExact(value) ? [] : [[]];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inside]) => inexactValues(inside).map((path) => [name, ...path]));
}
