import { createHash } from "node:crypto";
import { wholeSeconds } from "../../schema/duration.ts";
import { createFaults, type Fault, type Faults } from "../../schema/fault.ts";
import { compileSchema } from "../../schema/schema.ts";
import { parseYaml } from "../../schema/yaml.ts";
import { createCelCompiler, createNormaliser } from "../cel/cel.ts";
import { PROFILE_FILE_SCHEMA, type ProfileFile } from "../file/schema.ts";
import type { Profile, ProfileKeys } from "../model/profile.ts";
import { checkClaims, signsClaim, signsFrom } from "./check-claims.ts";
import { checkFit } from "./check-fit.ts";
import { compileCarriers, compileSurfaces, longestTokenFor } from "./delivery.ts";
import { compileLifetime } from "./lifetime.ts";
import { compileMapping, reservedNames } from "./mapping.ts";
import { compileRules, compileWarnings } from "./rules.ts";
import { compileFileSchema } from "./schemas.ts";

/** In UTF-16 units. A profile has a few thousand; more is a mistake, or an attack on the parser. */
const LONGEST_FILE = 262_144;

const checkForm = compileSchema(PROFILE_FILE_SCHEMA, { defaults: true });

/**
 * The profile that the text of a file describes, or everything that is wrong with it.
 *
 * @param issuer `iss` of the profiles that take the service's own.
 */
export function compileProfile(text: string, file: string, issuer: string): Profile | Fault[] {
  if (text.length > LONGEST_FILE) return [{ file, path: "", message: `must have at most ${LONGEST_FILE} characters` }];
  const document = parseYaml(text, file);
  if (Array.isArray(document)) return document;
  const faults = createFaults(document.faultAt);
  for (const { path, message } of checkForm(document.data)) faults.add(path, message);
  if (faults.found.length > 0) return faults.found;
  const profile = assembleProfile(document.data as ProfileFile, issuer, profileDigest(text), faults);
  return faults.found.length > 0 ? faults.found : profile;
}

/** SHA-256 of a file's text, base64url. */
export function profileDigest(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

function assembleProfile(raw: ProfileFile, issuer: string, digest: string, faults: Faults): Profile {
  checkClaims(raw, faults);
  checkFit(raw, faults);
  const compile = createCelCompiler(
    new Map(Object.entries(raw.normalise).map(([name, steps]) => [name, createNormaliser(steps)])),
  );
  const carriers = compileCarriers(raw.carriers, faults);
  return {
    name: raw.profile,
    description: raw.description,
    digest,
    issuer: issuerOf(raw.issuer, issuer),
    tenant: raw.tenant && { claim: raw.tenant.claim },
    header: { typ: raw.header.typ, kid: raw.header.kid ?? ("keyset" in raw.keys ? "required" : "absent") },
    keys: keysOf(raw.keys),
    lifetime: compileLifetime(raw, faults),
    claims: raw.claims,
    mapClaims: compileMapping(raw, compile, faults),
    reservedNames: reservedNames(raw),
    subjectClaim: raw.subject ?? "sub",
    takes: {
      subject: signsFrom(raw.claims, "subject"),
      audience: signsFrom(raw.claims, "audience"),
      clientIp: signsFrom(raw.claims, "client_ip"),
    },
    hasAudience: signsClaim(raw.claims, "aud"),
    request: compileFileSchema("request", raw.request, faults),
    accept: compileFileSchema("accept", raw.accept, faults),
    context: raw.context && compileFileSchema("context", raw.context, faults),
    aliases: Object.entries(raw.aliases).map(([claim, names]) => ({ claim, names })),
    rules: compileRules(raw, compile, faults),
    warnings: compileWarnings(raw, compile, faults),
    ip:
      raw.ip === undefined || raw.ip.mode === "off"
        ? undefined
        : { mode: raw.ip.mode, claim: raw.ip.claim, prefix: raw.ip.prefix },
    carriers,
    maxTokenLength: longestTokenFor(carriers),
    surfaces: compileSurfaces(raw.surfaces, faults),
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

function keysOf(keys: ProfileFile["keys"]): ProfileKeys {
  return "imported" in keys
    ? { kind: "imported", algorithm: keys.imported, encoding: keys.encoding }
    : { kind: "keyset", keyset: keys.keyset, algorithm: keys.algorithm };
}
