import { globSync, readFileSync } from "node:fs";
import { posix } from "node:path";

/**
 * One import, also of types alone: `from` is a file of the checkout, `to` such a file, a package or a `node:` module.
 */
export interface Import {
  readonly from: string;
  readonly to: string;
}

/** The text of every hand-written file under `src`, by its path. */
export function readSources(): Map<string, string> {
  const files = globSync("src/**/*.ts").filter((file) => !file.startsWith("src/gen/"));
  return new Map(files.map((file) => [file, withoutComments(readFileSync(file, "utf8"))]));
}

export function importsOf(file: string, source: string): Import[] {
  const specifiers = source.matchAll(/\b(?:from|import)\s*\(?\s*"([^"]+)"/g);
  return Array.from(specifiers, ([, specifier = ""]) => ({ from: file, to: resolve(file, specifier) }));
}

function resolve(file: string, specifier: string): string {
  return specifier.startsWith(".") ? posix.join(posix.dirname(file), specifier) : specifier;
}

function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, "");
}
