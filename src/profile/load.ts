import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseYaml, type YamlDocument } from "../config/document.ts";
import { durationMs } from "../config/duration.ts";
import { ConfigError, type Fault } from "../config/fault.ts";
import { type Check, compileSchema } from "../config/schema.ts";
import type { Algorithm } from "../keyring/record.ts";
import { PROFILE_FILE_SCHEMA } from "./file-schema.ts";
import type { ClaimRule, Profile } from "./profile.ts";

interface ProfileFile {
  profile: string;
  description: string;
  header: { typ?: string };
  keys: { keyset: string; algorithm: Algorithm };
  lifetime: { default: string; min: string; max: string; leeway: string };
  request: object;
  claims: ClaimRule[];
  accept: object;
}

const checkFile = compileSchema(PROFILE_FILE_SCHEMA, { defaults: true });

/**
 * Reads every `*.yaml` of a folder as a profile.
 *
 * @throws ConfigError with the faults of all files, each with its file, line and path.
 */
export function loadProfiles(folder: string, issuer: string): Map<string, Profile> {
  const profiles = new Map<string, Profile>();
  const faults: Fault[] = [];
  for (const name of readdirSync(folder)
    .filter((name) => name.endsWith(".yaml"))
    .sort()) {
    const file = join(folder, name);
    const profile = parseProfile(readFileSync(file, "utf8"), file, issuer, profiles);
    if (Array.isArray(profile)) faults.push(...profile);
    else profiles.set(profile.name, profile);
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return profiles;
}

/** The profile that the text of a file describes, or everything that is wrong with it beside those that are `known`. */
export function parseProfile(
  text: string,
  file: string,
  issuer: string,
  known: ReadonlyMap<string, Profile> = new Map(),
): Profile | Fault[] {
  const document = parseYaml(text, file);
  if (Array.isArray(document)) return document;
  const fault = faultOf(document, file);
  const violations = checkFile(document.data);
  if (violations.length > 0) return violations.map(({ path, message }) => fault(path, message));
  const raw = document.data as ProfileFile;
  const faults: Fault[] = [];
  if (known.has(raw.profile)) faults.push(fault(["profile"], "is the name of another file's"));
  const profile: Profile = {
    name: raw.profile,
    description: raw.description,
    digest: createHash("sha256").update(text).digest("base64url"),
    issuer,
    header: { typ: raw.header.typ },
    keyset: raw.keys.keyset,
    algorithm: raw.keys.algorithm,
    lifetime: readLifetime(raw.lifetime, faults, fault),
    claims: raw.claims,
    ownNames: readNames(raw.claims, faults, fault),
    takes: { subject: takes(raw.claims, "subject"), audience: takes(raw.claims, "audience") },
    request: readSchema("request", raw.request, faults, fault),
    accept: readSchema("accept", raw.accept, faults, fault),
  };
  return faults.length > 0 ? faults : profile;
}

type FaultAt = (path: readonly (string | number)[], message: string) => Fault;

function faultOf(document: YamlDocument, file: string): FaultAt {
  return (path, message) => {
    const line = document.lineOf(path);
    return { file, ...(line === undefined ? {} : { line }), path: path.join("."), message };
  };
}

function readLifetime(raw: ProfileFile["lifetime"], faults: Fault[], fault: FaultAt): Profile["lifetime"] {
  const seconds = (key: keyof ProfileFile["lifetime"]): number => {
    const ms = durationMs(raw[key]) ?? 0;
    if (ms % 1000 !== 0) faults.push(fault(["lifetime", key], "must be whole seconds"));
    return ms / 1000;
  };
  const lifetime = { default: seconds("default"), min: seconds("min"), max: seconds("max"), leeway: seconds("leeway") };
  if (lifetime.min < 1) faults.push(fault(["lifetime", "min"], "must be at least 1s"));
  if (lifetime.default < lifetime.min || lifetime.default > lifetime.max)
    faults.push(fault(["lifetime", "default"], `must lie between min (${raw.min}) and max (${raw.max})`));
  return lifetime;
}

function readNames(claims: readonly ClaimRule[], faults: Fault[], fault: FaultAt): Set<string> {
  const names = new Set<string>();
  claims.forEach((claim, index) => {
    const name = "name" in claim ? claim.name : "";
    if (names.has(name)) faults.push(fault(["claims", index], "is signed twice"));
    names.add(name);
  });
  for (const name of ["iss", "exp"]) // verify.ts requires both
    if (!names.has(name)) faults.push(fault(["claims"], `must hold ${name}`));
  return names;
}

function takes(claims: readonly ClaimRule[], source: "subject" | "audience"): boolean {
  return claims.some((claim) => "from" in claim && claim.from === source);
}

function readSchema(key: "request" | "accept", schema: object, faults: Fault[], fault: FaultAt): Check {
  try {
    return compileSchema(schema, { defaults: false });
  } catch (error) {
    faults.push(fault([key], `is not a JSON Schema 2020-12: ${error instanceof Error ? error.message : "unreadable"}`));
    return () => [];
  }
}
