import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ConfigError, type Fault } from "../config/fault.ts";
import { keysetFaults } from "./check-keysets.ts";
import { faultIn, type LoadedProfile } from "./loaded-profile.ts";
import { parseProfile, profileDigest } from "./parse.ts";
import type { Profile } from "./profile.ts";

/**
 * Reads every `*.yaml` of the folders as a profile, by name. A name has one file: none replaces another.
 *
 * @param issuer `iss` of the profiles that take the service's own.
 * @param known What was loaded before with this issuer: a file that has not changed is not compiled again.
 * @throws ConfigError with the faults of all files, each with its file, line and path.
 */
export function loadProfiles(
  folders: readonly string[],
  issuer: string,
  known: ReadonlyMap<string, Profile> = new Map(),
): Map<string, Profile> {
  const faults: Fault[] = [];
  const files = folders.flatMap((folder) => profileFiles(folder, faults));
  return new Map(loadProfileFiles(files, issuer, faults, known).map(({ profile }) => [profile.name, profile]));
}

/** The same for files, in their order; `faults` were found before. */
export function loadProfileFiles(
  files: readonly string[],
  issuer: string,
  faults: Fault[] = [],
  known: ReadonlyMap<string, Profile> = new Map(),
): LoadedProfile[] {
  const byDigest = new Map([...known.values()].map((profile) => [profile.digest, profile]));
  const loaded: LoadedProfile[] = [];
  for (const file of files) {
    const one = readProfile(file, issuer, byDigest);
    if (Array.isArray(one)) faults.push(...one);
    else loaded.push(one);
  }
  faults.push(...nameFaults(loaded), ...keysetFaults(loaded));
  if (faults.length > 0) throw new ConfigError(faults);
  return loaded;
}

/** The profile files of a folder, by name. */
export function profileFiles(folder: string, faults: Fault[]): string[] {
  try {
    const names = readdirSync(folder).filter((name) => name.endsWith(".yaml"));
    return names.sort().map((name) => join(folder, name));
  } catch {
    faults.push({ file: folder, path: "", message: "can't be read as a folder" });
    return [];
  }
}

function readProfile(file: string, issuer: string, known: ReadonlyMap<string, Profile>): LoadedProfile | Fault[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return [{ file, path: "", message: "can't be read" }];
  }
  const profile = known.get(profileDigest(text)) ?? parseProfile(text, file, issuer);
  return Array.isArray(profile) ? profile : { file, text, profile };
}

function nameFaults(loaded: readonly LoadedProfile[]): Fault[] {
  const first = new Map<string, string>();
  return loaded.flatMap((one) => {
    const { name } = one.profile;
    const other = first.get(name);
    if (other === undefined) first.set(name, one.file);
    return other === undefined ? [] : faultIn(one, ["profile"], `is the name of another file's: ${other}`);
  });
}
