import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

const TOOLS = join(import.meta.dirname, "..", "..", "..", ".tools", "bin");

/** The path of a program on PATH, else in .tools/bin of this checkout; undefined if it is in neither. */
export function findTool(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), TOOLS];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
