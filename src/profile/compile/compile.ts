import { createHash } from "node:crypto";
import { wholeSeconds } from "../../schema/duration.ts";
import type { Fault } from "../../schema/fault.ts";
import { compileSchema } from "../../schema/schema.ts";
import { parseYaml } from "../../schema/yaml.ts";
import { celCompiler, normaliser } from "../cel/cel.ts";
import { type FileFaults, faultsOfFile } from "../file/faults.ts";
import type { KeysInFile, ProfileFile } from "../file/file.ts";
import { PROFILE_FILE_SCHEMA } from "../file/schema.ts";
import type { Profile, ProfileKeys } from "../model/profile.ts";
import { checkClaims, signsClaim, signsFrom } from "./check-claims.ts";
import { checkFit } from "./check-fit.ts";
import { readCarriers, readSurfaces, smallestCarrier } from "./delivery.ts";
import { readLifetime } from "./lifetime.ts";
import { ownNamesOf, readMapping } from "./mapping.ts";
import { readRules, readWarnings } from "./rules.ts";
import { readSchema } from "./schemas.ts";

/** In UTF-16 units. A profile has a few thousand; more is a mistake, or an attack on the parser. */
const LONGEST_FILE = 262_144;

const checkForm = compileSchema(PROFILE_FILE_SCHEMA, { defaults: true });

/**
 * The profile that the text of a file describes, or everything that is wrong with it.
 *
 * @param issuer `iss` of the profiles that take the service's own.
 */
export function parseProfile(text: string, file: string, issuer: string): Profile | Fault[] {
  if (text.length > LONGEST_FILE) return [{ file, path: "", message: `must have at most ${LONGEST_FILE} characters` }];
  const document = parseYaml(text, file);
  if (Array.isArray(document)) return document;
  const faults = faultsOfFile(document, file);
  for (const { path, message } of checkForm(document.data)) faults.add(path, message);
  if (faults.found.length > 0) return faults.found;
  const profile = readProfile(document.data as ProfileFile, issuer, profileDigest(text), faults);
  return faults.found.length > 0 ? faults.found : profile;
}

/** SHA-256 of a file's text, base64url. */
export function profileDigest(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

function readProfile(raw: ProfileFile, issuer: string, digest: string, faults: FileFaults): Profile {
  checkClaims(raw, faults);
  checkFit(raw, faults);
  const compile = celCompiler(new Map(Object.entries(raw.normalise).map(([name, steps]) => [name, normaliser(steps)])));
  const carriers = readCarriers(raw.carriers, faults);
  return {
    name: raw.profile,
    description: raw.description,
    digest,
    issuer: issuerOf(raw.issuer, issuer),
    tenant: raw.tenant && { claim: raw.tenant.claim },
    header: { typ: raw.header.typ, kid: raw.header.kid ?? ("keyset" in raw.keys ? "required" : "absent") },
    keys: keysOf(raw.keys),
    lifetime: readLifetime(raw, faults),
    claims: raw.claims,
    mapClaims: readMapping(raw, compile, faults),
    ownNames: ownNamesOf(raw),
    subjectClaim: raw.subject ?? "sub",
    takes: {
      subject: signsFrom(raw.claims, "subject"),
      audience: signsFrom(raw.claims, "audience"),
      clientIp: signsFrom(raw.claims, "client_ip"),
    },
    hasAudience: signsClaim(raw.claims, "aud"),
    request: readSchema("request", raw.request, faults),
    accept: readSchema("accept", raw.accept, faults),
    context: raw.context && readSchema("context", raw.context, faults),
    aliases: Object.entries(raw.aliases).map(([claim, names]) => ({ claim, names })),
    rules: readRules(raw, compile, faults),
    warnings: readWarnings(raw, compile, faults),
    ip:
      raw.ip === undefined || raw.ip.mode === "off"
        ? undefined
        : { mode: raw.ip.mode, claim: raw.ip.claim, prefix: raw.ip.prefix },
    carriers,
    maxTokenLength: smallestCarrier(carriers),
    surfaces: readSurfaces(raw.surfaces, faults),
    quarantine: raw.quarantine && {
      deadlineSeconds: wholeSeconds(raw.quarantine.deadline, (reason) =>
        faults.add(["quarantine", "deadline"], reason),
      ),
      maxFailures: raw.quarantine.max_failures,
    },
    schemas: { request: raw.request, accept: raw.accept, context: raw.context },
  };
}

function issuerOf(said: string, service: string): string | undefined {
  if (said === "none") return undefined;
  return said === "service" ? service : said;
}

function keysOf(keys: KeysInFile): ProfileKeys {
  return "imported" in keys
    ? { kind: "imported", algorithm: keys.imported, encoding: keys.encoding }
    : { kind: "keyset", keyset: keys.keyset, algorithm: keys.algorithm };
}
