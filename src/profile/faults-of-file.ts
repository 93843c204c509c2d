import type { YamlDocument } from "../config/document.ts";
import type { Fault } from "../config/fault.ts";

type Path = readonly (string | number)[];

/** What is wrong with one file, gathered while it is read. */
export interface FileFaults {
  readonly found: Fault[];
  add(path: Path, message: string): void;
}

export function faultsOfFile(document: YamlDocument, file: string): FileFaults {
  const found: Fault[] = [];
  return {
    found,
    add(path, message) {
      const line = document.lineOf(path);
      found.push({ file, ...(line === undefined ? {} : { line }), path: path.join("."), message });
    },
  };
}
