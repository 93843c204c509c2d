import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { publicFaults } from "../files/private-path.ts";
import { ConfigError, type Fault } from "../schema/fault.ts";
import { compileProfile, fileDigest } from "./compile/compile.ts";
import { credentialFaults, faultIn, keysetFaults, type LoadedProfile } from "./keysets.ts";
import type { Profile } from "./model/profile.ts";

/** Extensions of files that are probably meant as profiles. */
const MISNAMED = /\.(?:yml|YML|YAML)$/;

/** Which profiles are served, by name. */
export interface ProfileChoice {
  /** Those that are not. */
  readonly disable: readonly string[];
  /** Those of the first folder that a file of another one replaces. */
  readonly replace: readonly string[];
}

/** The profiles of some folders. */
export interface ChosenProfiles {
  /** Those that are served, by name. */
  readonly profiles: Map<string, Profile>;
  /** Those that are disabled or replaced. */
  readonly unused: readonly Profile[];
}

/**
 * Reads every `*.yaml` of the folders as a profile, by name. Two files with one name are a fault, unless the choice
 * says that one replaces the other.
 *
 * @param issuer `iss` of the profiles that use the service's issuer.
 * @param known What was loaded before with this issuer: an unchanged file is not compiled again.
 * @param faults Those that were found before.
 * @throws ConfigError with the faults of all files, each with its file, line and path.
 */
export function loadProfiles(
  folders: readonly string[],
  issuer: string,
  known: ReadonlyMap<string, Profile> = new Map(),
  faults: Fault[] = [],
  choice: ProfileChoice = { disable: [], replace: [] },
): ChosenProfiles {
  const [first = [], ...others] = folders.map((folder) => profileFiles(folder, faults));
  const shipped = readProfiles(first, issuer, faults, known);
  const own = readProfiles(others.flat(), issuer, faults, known);
  faults.push(...choiceFaults(shipped, own, choice));
  const { disable, replace } = choice;
  const kept = [...shipped.filter(({ profile }) => !replace.includes(profile.name)), ...own];
  faults.push(...nameFaults(kept, new Set(first)));
  const served = kept.filter(({ profile }) => !disable.includes(profile.name));
  faults.push(...keysetFaults(served), ...credentialFaults(served));
  if (faults.length > 0) throw new ConfigError(faults);
  return {
    profiles: new Map(served.map(({ profile }) => [profile.name, profile])),
    unused: [...shipped, ...own].filter((one) => !served.includes(one)).map(({ profile }) => profile),
  };
}

/** A misspelt name would leave a profile in service, or in the place of the operator's own. */
function choiceFaults(
  shipped: readonly LoadedProfile[],
  own: readonly LoadedProfile[],
  { disable, replace }: ProfileChoice,
): Fault[] {
  const [inFirst, inOwn] = [shipped, own].map((loaded) => new Set(loaded.map(({ profile }) => profile.name)));
  const fault = (key: keyof ProfileChoice, message: string): Fault => ({ file: `profiles.${key}`, path: "", message });
  return [
    ...disable
      .filter((name) => !inFirst?.has(name) && !inOwn?.has(name))
      .map((name) => fault("disable", `${name} is not the name of a profile`)),
    ...replace.flatMap((name) => [
      ...(inFirst?.has(name) ? [] : [fault("replace", `${name} is not the name of a profile that ships`)]),
      ...(inOwn?.has(name) ? [] : [fault("replace", `${name} must be the name of a profile in profiles.folder`)]),
      ...(disable.includes(name) ? [fault("replace", `${name} is in profiles.disable as well`)] : []),
    ]),
  ];
}

/** Reads the files that ship and then the operator's, and checks them together; `faults` were found before. */
export function loadProfileFiles(
  shipped: readonly string[],
  own: readonly string[],
  issuer: string,
  faults: Fault[] = [],
): LoadedProfile[] {
  const loaded = readProfiles([...shipped, ...own], issuer, faults);
  faults.push(...nameFaults(loaded, new Set(shipped)), ...keysetFaults(loaded), ...credentialFaults(loaded));
  if (faults.length > 0) throw new ConfigError(faults);
  return loaded;
}

/** Reads and compiles files in their order, each for itself, and adds what is wrong with them to `faults`. */
function readProfiles(
  files: readonly string[],
  issuer: string,
  faults: Fault[],
  known: ReadonlyMap<string, Profile> = new Map(),
): LoadedProfile[] {
  const byDigest = new Map([...known.values()].map((profile) => [profile.digest, profile]));
  const loaded: LoadedProfile[] = [];
  for (const file of files) {
    const one = loadProfile(file, issuer, byDigest);
    if (Array.isArray(one)) faults.push(...one);
    else loaded.push(one);
  }
  return loaded;
}

/**
 * The profile files of a folder, sorted by name. A folder without any is a fault: a reload would drop all its profiles.
 */
export function profileFiles(folder: string, faults: Fault[]): string[] {
  const names = namesIn(folder, faults).sort();
  for (const name of names.filter((name) => MISNAMED.test(name)))
    faults.push({ file: join(folder, name), path: "", message: "is not read: its name must end with .yaml" });
  return names.filter((name) => name.endsWith(".yaml")).map((name) => join(folder, name));
}

/** Why others may change or replace a folder of profiles or a file in it: they would decide what a token may say. */
export function exposedProfiles(folder: string): Fault[] {
  const exposed = [folder, ...profileFiles(folder, [])].flatMap(publicFaults);
  const byPath = new Map(exposed.map((fault) => [fault.path, fault]));
  return [...byPath.values()].map(({ path, message }) => ({ file: path, path: "", message }));
}

function namesIn(folder: string, faults: Fault[]): string[] {
  try {
    const names = readdirSync(folder);
    if (!names.some((name) => name.endsWith(".yaml")))
      faults.push({ file: folder, path: "", message: "contains no *.yaml file" });
    return names;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    faults.push({ file: folder, path: "", message: `can't be read as a folder: ${code}` });
    return [];
  }
}

function loadProfile(file: string, issuer: string, known: ReadonlyMap<string, Profile>): LoadedProfile | Fault[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    return [{ file, path: "", message: `can't be read: ${(cause as NodeJS.ErrnoException).code}` }];
  }
  const profile = known.get(fileDigest(text)) ?? compileProfile(text, file, issuer);
  return Array.isArray(profile) ? profile : { file, text, profile };
}

/** `replaceable`: the files that the operator may replace. */
function nameFaults(loaded: readonly LoadedProfile[], replaceable: ReadonlySet<string>): Fault[] {
  const first = new Map<string, string>();
  return loaded.flatMap((one) => {
    const { name } = one.profile;
    const other = first.get(name);
    if (other === undefined) first.set(name, one.file);
    if (other === undefined) return [];
    const wayOut = replaceable.has(other)
      ? ": to replace it, list the name in profiles.replace, and check with --replace"
      : "";
    return faultIn(one, ["profile"], `is already the name of the profile in ${other}${wayOut}`);
  });
}
