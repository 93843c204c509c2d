import { fileURLToPath } from "node:url";
import { compilePolicy } from "../access/compile.ts";
import { type PolicyFile, parsePolicy } from "../access/policy-file.ts";
import type { RuleSet } from "../access/rule-set.ts";
import { packageFile } from "../package-files.ts";
import type { ProfileSet } from "../profile/keysets.ts";
import { exposedProfiles, loadProfiles } from "../profile/load.ts";
import type { Profile } from "../profile/model/profile.ts";
import { ConfigError, type Fault } from "../schema/fault.ts";
import { buildKeysets } from "./keysets.ts";
import { readText, readTrustedFile } from "./read-file.ts";
import type { RawConfig } from "./schema.ts";

/** The folder of the profiles that ship. */
export const SHIPPED_PROFILES = shipped("profiles");
const DEVELOPMENT_POLICY = shipped("policies/development.yaml");

/** The file that ships is not the operator's to change. */
const NEEDS_POLICY: Fault = {
  file: "configuration",
  path: "access.policy",
  message: "must name a policy, because the one for development does not fit these profiles",
};

/**
 * Reads the profiles of a configuration, the keysets that they name, and the policies, which are checked against the
 * profiles. `known` profiles are not compiled again.
 *
 * @throws ConfigError with the faults of all files. Those that follow from the profiles need profiles without faults.
 */
export function loadRuleSet(raw: RawConfig, known?: ProfileSet["profiles"]): RuleSet {
  const { policy, shadow } = raw.access;
  const callers = provableCallers(raw.callers);
  const faults: Fault[] = [];
  const keep = <T>(load: () => T) => collected(load, faults);
  const profileSet = keep(() => loadProfileSet(raw, known));
  const file = keep(() => readPolicy(policy || DEVELOPMENT_POLICY));
  const shadowFile = shadow === "" ? undefined : keep(() => readPolicy(shadow));
  const compile = (read: PolicyFile | undefined) =>
    read && profileSet && keep(() => withoutFaults(compilePolicy(read, { profiles: profileSet.profiles, ...callers })));
  const [inForce, beside] = [compile(file), compile(shadowFile)];
  if (policy === "" && file && profileSet && inForce === undefined) faults.push(NEEDS_POLICY);
  if (profileSet === undefined || inForce === undefined || faults.length > 0) throw new ConfigError(faults);
  return { ...profileSet, policy: inForce, shadow: beside };
}

function provableCallers({ issuers, trust_domains, jwt_svid }: RawConfig["callers"]) {
  const trustDomains = new Set([...trust_domains, jwt_svid.trust_domain].filter((domain) => domain !== ""));
  return { issuers: new Set(Object.keys(issuers)), trustDomains };
}

function collected<T>(load: () => T, faults: Fault[]): T | undefined {
  try {
    return load();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    faults.push(...error.faults);
    return undefined;
  }
}

function loadProfileSet(raw: RawConfig, known: ProfileSet["profiles"] | undefined): ProfileSet {
  const { folder } = raw.profiles;
  const folders = folder === "" ? [SHIPPED_PROFILES] : [SHIPPED_PROFILES, folder];
  // A user who may write to the folder that ships may change the program as well: only the operator's is checked.
  const exposed = folder === "" ? [] : exposedProfiles(folder);
  const { profiles, unused } = loadProfiles(folders, raw.issuer, known, exposed, raw.profiles);
  requireNats(profiles.values(), raw.nats.url);
  const keysets = buildKeysets(profiles.values(), raw.rotation);
  const isServed = (name: string) => keysets.some((keyset) => keyset.name === name);
  const retired = buildKeysets(unused, raw.rotation).filter(({ name }) => !isServed(name));
  return { profiles, keysets, retired };
}

/** A strict profile waits for what NATS acknowledges. */
function requireNats(profiles: Iterable<Profile>, url: string): void {
  const strict = [...profiles].filter(({ audit }) => audit.mode === "strict");
  if (url !== "" || strict.length === 0) return;
  const message = "is strict, which needs NATS: nats.url must not be empty";
  throw new ConfigError(strict.map(({ name }) => ({ file: `profile ${name}`, path: "audit.mode", message })));
}

/** As with profiles, the operator's own file is checked for other writers, and not the one that ships. */
function readPolicy(file: string): PolicyFile {
  const text = file === DEVELOPMENT_POLICY ? readText(file) : readTrustedFile(file);
  return withoutFaults(parsePolicy(text, file));
}

function withoutFaults<T extends object>(result: T | Fault[]): T {
  if (Array.isArray(result)) throw new ConfigError(result);
  return result;
}

function shipped(path: string): string {
  return fileURLToPath(packageFile(path));
}
