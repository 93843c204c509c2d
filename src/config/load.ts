import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { publicFaults } from "../files/private-path.ts";
import type { ProfileSet } from "../profile/keysets.ts";
import { exposedProfiles, loadProfiles } from "../profile/load.ts";
import { ConfigError, createFaults, type Fault, type FaultAt, type Faults } from "../schema/fault.ts";
import { pathText } from "../schema/path-text.ts";
import { compileSchema } from "../schema/schema.ts";
import { parseYaml, type YamlDocument } from "../schema/yaml.ts";
import { configWarnings, crossCheck } from "./checks.ts";
import { buildConfig, type Config } from "./config.ts";
import { dropEmptySections, overrideFromEnvironment, variableName } from "./environment.ts";
import { buildKeysets } from "./keysets.ts";
import { CONFIG_SCHEMA, type RawConfig } from "./schema.ts";

const check = compileSchema(CONFIG_SCHEMA, { defaults: true });
/** The folder of the profiles that ship. */
export const SHIPPED_PROFILES = fileURLToPath(new URL("../../profiles", import.meta.url));

/** Where to read from. Without a file, every key has its default. */
export interface ConfigSource {
  readonly file?: string;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Reads the configuration, its overrides and the profiles, and checks all of it together.
 *
 * @throws ConfigError with every fault, each with its file, line and path.
 */
export function loadConfig({ file, env }: ConfigSource): Config {
  const document = file === undefined ? EMPTY : readDocument(file);
  const faults = createFaults(faultsAt(document, env));
  const { raw, issuerIsSet } = readRaw(document, env, faults);
  const profileSet = loadProfileSet(raw);
  crossCheck(raw, profileSet.keysets, faults);
  throwAny(faults);
  return buildConfig(raw, profileSet, configWarnings(raw, issuerIsSet));
}

/**
 * Reads the profiles of a configuration, and the keysets that they name. `known` profiles are not compiled again.
 *
 * @throws ConfigError with the faults of all profile files.
 */
export function loadProfileSet(raw: RawConfig, known?: ProfileSet["profiles"]): ProfileSet {
  const { folder } = raw.profiles;
  const folders = folder === "" ? [SHIPPED_PROFILES] : [SHIPPED_PROFILES, folder];
  // A user who may write to the folder that ships may change the program as well: only the operator's is checked.
  const exposed = folder === "" ? [] : exposedProfiles(folder);
  const { profiles, unused } = loadProfiles(folders, raw.issuer, known, exposed, raw.profiles);
  const keysets = buildKeysets(profiles.values(), raw.rotation);
  const isServed = (name: string) => keysets.some((keyset) => keyset.name === name);
  const retired = buildKeysets(unused, raw.rotation).filter(({ name }) => !isServed(name));
  return { profiles, keysets, retired };
}

const EMPTY: YamlDocument = { data: null, faultAt: (path, message) => fault("(defaults)", path, message) };

function readDocument(file: string): YamlDocument {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new ConfigError([fault(file, [], `can't be read: ${(cause as NodeJS.ErrnoException).code}`)]);
  }
  const exposed = publicFaults(file);
  if (exposed.length > 0) throw new ConfigError(exposed.map(({ path, message }) => fault(path, [], message)));
  const document = parseYaml(text, file);
  if (Array.isArray(document)) throw new ConfigError(document);
  return document;
}

/** Names the environment variable in the fault of a value that it set, or of an item of the list that it set. */
function faultsAt(document: YamlDocument, env: NodeJS.ProcessEnv): FaultAt {
  return (path, message) => {
    const variable = variableName(path.filter((step) => !/^\d+$/.test(String(step))));
    return env[variable] === undefined ? document.faultAt(path, message) : fault(variable, path, message);
  };
}

function readRaw(
  { data: read }: YamlDocument,
  env: NodeJS.ProcessEnv,
  faults: Faults,
): { readonly raw: RawConfig; readonly issuerIsSet: boolean } {
  const data = (read ?? {}) as Record<string, unknown>;
  if (typeof data === "object" && !Array.isArray(data)) {
    dropEmptySections(data, CONFIG_SCHEMA);
    faults.found.push(...overrideFromEnvironment(data, CONFIG_SCHEMA, env));
  }
  const issuerIsSet = data.issuer !== undefined;
  for (const { path, message } of check(data)) faults.add(path, message);
  throwAny(faults);
  return { raw: data as RawConfig, issuerIsSet };
}

function throwAny({ found }: Faults): void {
  if (found.length > 0) throw new ConfigError(found);
}

function fault(file: string, path: readonly (string | number)[], message: string): Fault {
  return { file, path: pathText(path), message };
}
