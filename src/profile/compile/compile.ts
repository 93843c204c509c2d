import { createHash } from "node:crypto";
import { wholeSeconds } from "../../schema/duration.ts";
import { createFaults, type Fault, type Faults } from "../../schema/fault.ts";
import { rateLimitOf } from "../../schema/rate-limit.ts";
import { compileOnUse } from "../../schema/schema.ts";
import { parseYaml } from "../../schema/yaml.ts";
import { createCelCompiler, createNormaliser } from "../cel/cel.ts";
import { PROFILE_FILE_SCHEMA, type ProfileFile } from "../file/schema.ts";
import type { Profile, ProfileKeys } from "../model/profile.ts";
import { createTokenTypes } from "../token-types.ts";
import { compileAudit } from "./audit.ts";
import { compileCarriers, longestTokenFor } from "./carriers.ts";
import { checkClaims, signsClaim, signsFrom, subjectIn } from "./check-claims.ts";
import { checkFit } from "./check-fit.ts";
import { compileCredential } from "./credential.ts";
import { compileLifetime } from "./lifetime.ts";
import { compileMapping } from "./mapping.ts";
import { reservedNames } from "./reserved-names.ts";
import { compileRules, compileWarnings } from "./rules.ts";
import { compileFileSchema } from "./schemas.ts";
import { compileSessions } from "./sessions.ts";
import { compileSurfaces } from "./surfaces.ts";

/** In UTF-16 units. A profile has a few thousand; more is a mistake, or an attack on the parser. */
const MAX_FILE_LENGTH = 262_144;

const checkSyntax = compileOnUse(PROFILE_FILE_SCHEMA, { defaults: true });

/**
 * Compiles the text of a profile's file. Returns all syntax faults or, when there are none, all semantic faults.
 *
 * @param issuer `iss` of the profiles that use the service's issuer.
 */
export function compileProfile(text: string, file: string, issuer: string): Profile | Fault[] {
  if (text.length > MAX_FILE_LENGTH)
    return [{ file, path: "", message: `must have at most ${MAX_FILE_LENGTH} characters` }];
  const document = parseYaml(text, file);
  if (Array.isArray(document)) return document;
  const faults = createFaults(document.faultAt);
  for (const { path, message } of checkSyntax(document.data)) faults.add(path, message);
  if (faults.found.length > 0) return faults.found;
  const raw = document.data as ProfileFile;
  checkClaims(raw, faults);
  checkFit(raw, faults);
  const profile = { ...compileFile(raw, issuer, faults), digest: fileDigest(text) };
  return faults.found.length > 0 ? faults.found : profile;
}

/** SHA-256 of a file's text, base64url. */
export function fileDigest(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

function compileFile(raw: ProfileFile, issuer: string, faults: Faults): Omit<Profile, "digest"> {
  const normalisers = Object.entries(raw.normalise).map(([name, steps]) => [name, createNormaliser(steps)] as const);
  const compileCel = createCelCompiler(new Map(normalisers));
  const carriers = compileCarriers(raw.carriers, faults);
  const subject = subjectIn(raw);
  return {
    name: raw.profile,
    description: raw.description,
    credential: compileCredential(raw, faults),
    issuer: issuerOf(raw.issuer, issuer),
    tenantIsIssuer: raw.issuer === "tenant",
    tenant: raw.tenant && { claim: raw.tenant.claim },
    header: headerOf(raw),
    keys: keysOf(raw.keys),
    lifetime: compileLifetime(raw, faults),
    sessions: compileSessions(raw, faults),
    oneTime: raw.one_time,
    audit: compileAudit(raw, faults),
    claims: raw.claims,
    mapClaims: compileMapping(raw, compileCel, faults),
    reservedNames: reservedNames(raw),
    subjectClaim: subject.claim,
    emptySubject: subject.may_be_empty,
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
    rules: compileRules(raw, compileCel, faults),
    warnings: compileWarnings(raw, compileCel, faults),
    ip: raw.ip && ipOf(raw.ip),
    carriers,
    maxTokenLength: longestTokenFor(carriers),
    surfaces: compileSurfaces(raw.surfaces, faults),
    quarantine: raw.quarantine && quarantineOf(raw.quarantine, faults),
    metering: { clientIp: rateLimitOf(raw.metering.client_ip), subject: rateLimitOf(raw.metering.subject) },
    schemas: { request: raw.request, accept: raw.accept, context: raw.context },
  };
}

function issuerOf(written: string, service: string): string | undefined {
  if (written === "none" || written === "tenant") return undefined;
  return written === "service" ? service : written;
}

function headerOf({ header: { typ, accept_typ, kid, parameters }, keys }: ProfileFile): Profile["header"] {
  const imported = "imported" in keys;
  return {
    typ,
    types: createTokenTypes(typ, accept_typ, imported),
    kid: kid ?? (imported ? "absent" : "required"),
    parameters: Object.keys(parameters).length === 0 ? undefined : parameters,
  };
}

function keysOf(keys: ProfileFile["keys"]): ProfileKeys {
  return "imported" in keys
    ? { kind: "imported", algorithms: [...new Set([keys.imported].flat())], encoding: keys.encoding }
    : { kind: "keyset", keyset: keys.keyset, algorithm: keys.algorithm };
}

function ipOf({ mode, claim, prefix }: NonNullable<ProfileFile["ip"]>): Profile["ip"] {
  return mode === "off" ? undefined : { mode, claim, prefix };
}

function quarantineOf(raw: NonNullable<ProfileFile["quarantine"]>, faults: Faults): Profile["quarantine"] {
  const onFraction = (message: string): void => faults.add(["quarantine", "deadline"], message);
  return { deadlineSeconds: wholeSeconds(raw.deadline, onFraction), maxFailures: raw.max_failures };
}
