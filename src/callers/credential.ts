import { isTokenSubject } from "../access/caller-name.ts";
import type { Problem } from "../problem/problem.ts";
import { checkRegistered, type RegisteredClaims } from "../token/claims/registered.ts";
import { type JsonObject, parseStrictObject } from "../token/claims/strict-json.ts";
import { type Rejection, reject, type Step } from "../token/rejection.ts";
import { MAX_TOKEN_LENGTH, splitCompact } from "../token/verify/compact.ts";
import { type Header, readHeader } from "../token/verify/header.ts";
import { unauthenticated } from "./identify.ts";

/** A token as it was read. Nothing of it is verified. */
export interface Unverified {
  readonly token: string;
  readonly header: Header;
  readonly claims: JsonObject;
  readonly registered: RegisteredClaims;
}

/** RFC 6750, 2.1: the scheme in any case (RFC 9110, 11.1), one space, and a b64token. */
const BEARER = /^bearer ([A-Za-z0-9\-._~+/]+=*)$/i;
const LONGEST_SCHEME = 16;
const NO_RULES = { subjectClaim: "sub", emptySubject: false };

/** The token in the value of an `authorization` header. */
export function tokenInHeader(authorization: string): Step<string> {
  // Before the pattern: a value may have a megabyte.
  if (authorization.length > MAX_TOKEN_LENGTH + LONGEST_SCHEME)
    return reject("TOO_LARGE", `a token must have at most ${MAX_TOKEN_LENGTH} characters here`);
  const [, token] = BEARER.exec(authorization) ?? [];
  return token === undefined
    ? reject("CARRIER_MISSING", "the authorization header must be Bearer, one space, and a token")
    : { ok: token };
}

/** Reads a token by the rules of VerifyToken: what two parsers could read differently is no credential. */
export function readCredential(token: string): Step<Unverified> {
  const split = splitCompact(token, MAX_TOKEN_LENGTH);
  if (split.rejection) return split;
  const header = readHeader(split.ok.header);
  if (header.rejection) return header;
  // RFC 7515, 4.1.11: a reader that does not understand an extension must refuse the token.
  if (header.ok.parameters?.crit !== undefined) return reject("HEADER_INVALID", "crit is not supported");
  const claims = parseStrictObject(split.ok.payload);
  if (claims === undefined) return reject("MALFORMED", "the payload is not a strict JSON object");
  const registered = checkRegistered(claims, NO_RULES);
  if (registered.rejection) return registered;
  return { ok: { token, header: header.ok, claims, registered: registered.ok } };
}

/** The error of a call whose token proves no caller. The metadata has the {@link Rejection}'s reason as `reason`. */
export function unproven({ reason, message }: Rejection): Problem {
  return unauthenticated(`the token in the authorization header proves no caller: ${message}`, { reason });
}

/** The name `PREFIX:SUBJECT`. */
export function nameOf(prefix: string, subject: string | undefined): Step<string> {
  if (subject !== undefined && isTokenSubject(subject)) return { ok: `${prefix}:${subject}` };
  return reject(
    "CLAIM_INVALID",
    "the subject must have 1 to 255 characters of printable ASCII without white space to name a caller",
  );
}
