import { stringify } from "yaml";
import type { Duration } from "../../gen/google/protobuf/duration.ts";
import type {
  Profile,
  ProfileAudit,
  ProfileCarrier,
  ProfileKeys,
  ProfileLifetime,
  ProfileRule,
  ProfileSessions,
  ProfileSurface,
  RateLimit,
} from "../../gen/signet/v1/profiles.ts";
import { formatDuration } from "../../schema/duration.ts";
import { printable } from "./safe-text.ts";
import { table } from "./table.ts";

/** A profile as a page of text. */
export function profileSheet(profile: Profile): string {
  const { name, description, claims, aliases, carriers, rules, warnings, surfaces, quarantine } = profile;
  const sections = [
    description === "" ? `${printable(name)}\n` : `${printable(name)}: ${printable(description)}\n`,
    rows(facts(profile)),
    section(
      "signed, in this order",
      rows(
        claims.map(({ name, source, schemaOrder }) => [
          name === "" ? "(the rest)" : name,
          schemaOrder ? `${source}, members in the order of the schema` : source,
        ]),
      ),
    ),
    section("claims of a request to issue", schema(profile.requestSchema)),
    section("claims of a presented token", schema(profile.acceptSchema)),
    section("other names of claims", rows(aliases.map(({ claim, names }) => [claim, names.join(", ")]))),
    section("context of a request to verify", schema(profile.contextSchema)),
    section("where the token may be", rows(carriers.map(carrier))),
    section("enforced, in this order", expressions(rules)),
    section("warnings when issuing", expressions(warnings)),
    section("response to a rejection", rows(surfaces.map(surface))),
    section(
      "a connection without a valid token",
      quarantine === undefined
        ? ""
        : `  is closed after ${time(quarantine.deadline)} or ${quarantine.maxFailures} rejected tokens\n`,
    ),
  ];
  return sections.filter((text) => text !== "").join("\n");
}

function facts(profile: Profile): string[][] {
  const { header, keys, lifetime, sessions } = profile;
  const accepted = header?.acceptedTyp ?? [];
  const tenant = profile.tenantClaim === "" ? "required, in no claim" : `required, in the claim ${profile.tenantClaim}`;
  return [
    ["issuer", profile.tenantIsIssuer ? "the tenant" : profile.issuer || "none"],
    ["tenant", profile.tenantRequired ? tenant : "not allowed"],
    ["audience", profile.audienceRequired ? "required to verify" : "not allowed"],
    ["subject", `the claim ${profile.subjectClaim}${profile.emptySubject ? ", which may be empty" : ""}`],
    ...(profile.credentialAudience === ""
      ? []
      : [["credential", `its tokens prove callers of this service, audience ${profile.credentialAudience}`]]),
    [
      "header",
      `typ ${header?.typ || "absent"}, kid ${header?.kidRequired ? "required" : "absent: all keys are tried"}`,
    ],
    ...(header?.parameters === undefined ? [] : [["header parameters", JSON.stringify(header.parameters)]]),
    ...(accepted.length === 0 ? [] : [["accepted typ", accepted.map((typ) => typ || "absent").join(", ")]]),
    ["keys", keys === undefined ? "" : keysFact(keys)],
    ...(lifetime === undefined ? [] : lifetimeFacts(lifetime)),
    ...(sessions === undefined ? [] : [["sessions", sessionsFact(sessions)]]),
    ...(profile.oneTime ? [["used", "once: each verification uses the token up"]] : []),
    ["client address", profile.ipMode],
    ...meteringFacts(profile.metering),
    ...(profile.audit === undefined ? [] : [["audit", auditFact(profile.audit)]]),
    ["digest", profile.digest],
  ];
}

function keysFact({ algorithm, keyset, algorithms, encoding }: ProfileKeys): string {
  if (keyset !== "") return `${algorithm}, rotating keyset ${keyset}`;
  const names = algorithms.length === 0 ? algorithm : algorithms.join(", ");
  return encoding === "" ? `${names}, imported private keys` : `${names}, imported secrets, read as ${encoding}`;
}

function lifetimeFacts(lifetime: ProfileLifetime): string[][] {
  const { defaultTtl, minTtl, maxTtl, extendedMaxTtl, extendedBy, maxAge, ttlFrom } = lifetime;
  const ttl = [
    ...(minTtl === undefined || maxTtl === undefined ? [] : [`${time(minTtl)} to ${time(maxTtl)}`]),
    ...(defaultTtl === undefined ? [] : [`default ${time(defaultTtl)}`]),
    ...(extendedMaxTtl === undefined ? [] : [`up to ${time(extendedMaxTtl)} where ${extendedBy} is true`]),
    ...(ttlFrom === "" ? [] : [`seconds in the request member ${ttlFrom}`]),
  ];
  return [
    ["exp", lifetime.exp],
    ...(ttl.length === 0 ? [] : [["ttl", ttl.join(", ")]]),
    ...(maxAge === undefined ? [] : [["maximum age", `${time(maxAge)} after iat`]]),
    ...connectionFacts(lifetime),
    ["clocks", `leeway ${time(lifetime.leeway)} after exp, skew ${time(lifetime.skew)} before iat and nbf`],
  ];
}

function connectionFacts({ sessionMax, idleMax }: ProfileLifetime): string[][] {
  const parts = [
    ...(sessionMax === undefined ? [] : [`closed after ${time(sessionMax)}`]),
    ...(idleMax === undefined ? [] : [`closed after ${time(idleMax)} without a message`]),
  ];
  return parts.length === 0 ? [] : [["a connection", parts.join(", ")]];
}

function sessionsFact({ limitClaim, maxSessions, countedBy }: ProfileSessions): string {
  if (limitClaim === "" && maxSessions === 0) return "any number at once";
  const limit = limitClaim === "" ? `at most ${maxSessions}` : `as many as the claim ${limitClaim} says`;
  return `${limit}, for each ${countedBy}`;
}

function auditFact({ claims, subject, mode }: ProfileAudit): string {
  const shown = claims.length === 0 ? "shows no claims" : `shows ${claims.join(", ")}`;
  const wait = mode === "strict" ? "; strict: a token waits for NATS" : "";
  return `${shown}; the subject ${subject === "clear" ? "in clear" : "as a hash"}${wait}`;
}

function meteringFacts(metering: Profile["metering"]): string[][] {
  const fact = (limit: RateLimit | undefined, each: string) =>
    limit === undefined ? [] : [["metering", `${limit.perSecond} a second for each ${each}, ${limit.burst} at once`]];
  return [...fact(metering?.clientIp, "client address"), ...fact(metering?.subject, "subject")];
}

function carrier({ in: place, name, scheme, schemeOptional, maxBytes, optional }: ProfileCarrier): string[] {
  const before = scheme.trim() === "" ? "TOKEN" : `${scheme.trim()} TOKEN${schemeOptional ? " or TOKEN alone" : ""}`;
  return [place, name, before, `at most ${maxBytes} bytes${optional ? ", if it fits" : ""}`];
}

function surface(response: ProfileSurface): string[] {
  const close = response.websocketCloseReason === "" ? "" : ` ${JSON.stringify(response.websocketCloseReason)}`;
  const parts = [
    response.httpStatus === 0 ? "" : `HTTP ${response.httpStatus} ${response.wwwAuthenticate}`.trim(),
    response.websocketCloseCode === 0 ? "" : `close ${response.websocketCloseCode}${close}`,
    response.frame === "" ? "" : `frame ${response.frame}`,
  ];
  return [response.reason === "" ? "(every other)" : response.reason, parts.filter((part) => part !== "").join(", ")];
}

function expressions(rules: readonly ProfileRule[]): string {
  return rules
    .map(({ expression, reason, message }) => `  ${printable(`${reason}: ${message}`)}\n${lines(expression, "    ")}`)
    .join("");
}

function schema(of: object | undefined): string {
  return of === undefined ? "" : lines(stringify(of), "  ");
}

function section(title: string, text: string): string {
  return text === "" ? "" : `${title}\n${text}`;
}

function rows(cells: readonly (readonly string[])[]): string {
  return table(cells.map((row) => ["", ...row.map(printable)]));
}

function lines(text: string, indent: string): string {
  return text
    .trim()
    .split("\n")
    .map((line) => `${indent}${printable(line)}\n`)
    .join("");
}

function time(duration: Duration | undefined): string {
  const seconds = Number(duration?.seconds ?? 0n);
  return seconds === 0 ? "0s" : formatDuration(seconds * 1000);
}
