import type { Proof } from "../caller.ts";
import { parseSpiffeId } from "./spiffe-id.ts";

/** A host name in lower case without a wildcard (RFC 1123, 2.1). */
const DNS_NAME = /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;
/** The subject of a token as a part of a name, which stands in policies, logs and events: one spelling, one line. */
const SUBJECT = /^[!-~]{1,255}$/;
const OF_TOKEN = /^(?<kind>jwt|signet):(?<issuer>[a-z0-9-]{1,64}):(?<subject>.*)$/s;

/** Whether `dns:NAME` is the name of a caller. */
export function isDnsName(name: string): boolean {
  return DNS_NAME.test(name);
}

/** Whether `jwt:ALIAS:SUBJECT` and `signet:PROFILE:SUBJECT` are names of callers. */
export function isTokenSubject(subject: string): boolean {
  return SUBJECT.test(subject);
}

/** What the name of a caller says of it. */
export interface CallerName {
  /** How it is proven, unless a SPIFFE ID is proven by a JWT-SVID. */
  readonly proof: Proof;
  /** The alias of the issuer of its token, or the profile of it; undefined where it is proven otherwise. */
  readonly issuer: string | undefined;
}

/** Reads the name of a caller. Undefined for a text that no caller has as its name. */
export function parseCallerName(name: string): CallerName | undefined {
  if (name === "unix" || name === "loopback") return { proof: name, issuer: undefined };
  if (parseSpiffeId(name) !== undefined) return { proof: "mtls", issuer: undefined };
  if (name.startsWith("dns:")) return isDnsName(name.slice(4)) ? { proof: "mtls", issuer: undefined } : undefined;
  const { kind, issuer, subject = "" } = OF_TOKEN.exec(name)?.groups ?? {};
  return isTokenSubject(subject) ? { proof: kind as "jwt" | "signet", issuer } : undefined;
}

/** What is allowed instead of a text that {@link parseCallerName} refuses. */
export const CALLER_NAME_FORMS =
  "must be spiffe://TRUST-DOMAIN/PATH (SPIFFE-ID, 2), dns:NAME in lower case, jwt:ALIAS:SUBJECT, " +
  "signet:PROFILE:SUBJECT, unix or loopback";
