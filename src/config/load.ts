import { ConfigError, createFaults, type Fault, type FaultAt, type Faults } from "../schema/fault.ts";
import { pathText } from "../schema/path-text.ts";
import { compileOnUse } from "../schema/schema.ts";
import { parseYaml, type YamlDocument } from "../schema/yaml.ts";
import { configWarnings, crossCheck } from "./checks.ts";
import { buildConfig, type Config } from "./config.ts";
import { dropEmptySections, overrideFromEnvironment, takeSpiffeSocket, variableName } from "./environment.ts";
import { loadRuleSet } from "./load-rules.ts";
import { takeOpenTelemetry } from "./opentelemetry.ts";
import { readTrustedFile } from "./read-file.ts";
import { CONFIG_SCHEMA, type RawConfig } from "./schema.ts";

const check = compileOnUse(CONFIG_SCHEMA, { defaults: true });

/** Where to read from. Without a file, every key has its default. */
export interface ConfigSource {
  readonly file?: string;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Reads the configuration, its overrides, the profiles and the policy, and checks all of it together.
 *
 * @throws ConfigError with every fault, each with its file, line and path.
 */
export function loadConfig({ file, env }: ConfigSource): Config {
  const document = file === undefined ? EMPTY : readDocument(file);
  const faults = createFaults(faultsAt(document, env));
  const { raw, issuerIsSet } = readRaw(document, env, faults);
  const rules = loadRuleSet(raw);
  crossCheck(raw, rules.keysets, faults);
  throwAny(faults);
  return buildConfig(raw, rules, configWarnings(raw, issuerIsSet));
}

const EMPTY: YamlDocument = { data: null, faultAt: (path, message) => fault("(defaults)", path, message) };

function readDocument(file: string): YamlDocument {
  const document = parseYaml(readTrustedFile(file), file);
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
    takeSpiffeSocket(data, env);
    faults.found.push(...takeOpenTelemetry(data, env));
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
