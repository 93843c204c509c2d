import type { Fault } from "../../schema/fault.ts";
import type { YamlDocument } from "../../schema/yaml.ts";

type Path = readonly (string | number)[];

/** More help nobody. */
const MAX_FAULTS = 100;

/** What is wrong with one file, gathered while it is read: the first 100. */
export interface FileFaults {
  readonly found: Fault[];
  add(path: Path, message: string): void;
}

export function createFileFaults(document: YamlDocument, file: string): FileFaults {
  const found: Fault[] = [];
  return {
    found,
    add(path, message) {
      if (found.length === MAX_FAULTS) return;
      const line = document.lineOf(path);
      found.push({ file, ...(line === undefined ? {} : { line }), path: path.join("."), message });
    },
  };
}
