import { parseYaml } from "../config/document.ts";
import type { Fault } from "../config/fault.ts";
import { faultsOfFile } from "./faults-of-file.ts";
import type { Profile } from "./profile.ts";

/** A profile with the file that it came from. */
export interface LoadedProfile {
  readonly file: string;
  readonly text: string;
  readonly profile: Profile;
}

/** A fault that shows only beside other files, at its line. */
export function faultIn({ file, text }: LoadedProfile, path: readonly string[], message: string): readonly Fault[] {
  const document = parseYaml(text, file);
  if (Array.isArray(document)) return document;
  const faults = faultsOfFile(document, file);
  faults.add(path, message);
  return faults.found;
}
