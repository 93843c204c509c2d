import type { Faults, Path } from "../../schema/fault.ts";
import type { ProfileFile } from "../file/schema.ts";
import type { ClaimRule } from "../model/claims.ts";
import { orderFault, schemaAt } from "./member-order.ts";
import { maySign, memberOfSchema } from "./schema-members.ts";

/** Registered claims (RFC 7519, 4.1) that verifying relies on: each has only this source. */
const ONLY_FROM: Readonly<Record<string, string>> = {
  iss: "issuer",
  iat: "issued_at",
  nbf: "issued_at",
  exp: "expires_at",
  jti: "token_id",
};

/** Checks that the claims are consistent with each other and with the rest of the file. */
export function checkClaims(file: ProfileFile, faults: Faults): void {
  checkNames(file.claims, faults);
  checkOrders(file, faults);
  for (const [index, claim] of file.claims.entries()) checkSource(claim, index, file, faults);
  checkRegistered(file, faults);
  checkReferences(file, faults);
  checkAliases(file, faults);
  checkRequired(file, faults);
}

/** Whether any claim has this source. */
export function signsFrom(claims: readonly ClaimRule[], source: string): boolean {
  return claims.some((claim) => "from" in claim && claim.from === source);
}

export function signsClaim(claims: readonly ClaimRule[], name: string): boolean {
  return claims.some((claim) => "name" in claim && claim.name === name);
}

/** The claim that identifies the token's subject. */
export function subjectIn({ subject = "sub" }: Pick<ProfileFile, "subject">) {
  return typeof subject === "string" ? { claim: subject, may_be_empty: false } : subject;
}

/** The schema in whose order the members of a claim's objects are signed. */
export function orderingSchema(
  claim: ClaimRule,
  { request, accept }: Pick<ProfileFile, "request" | "accept">,
): unknown {
  if ("rest" in claim) return request;
  if ("cel" in claim) return schemaAt(accept, [claim.name]);
  return "from" in claim ? schemaAt(request, claim.from.split(".").slice(1)) : undefined;
}

function checkOrders(file: ProfileFile, faults: Faults): void {
  for (const [index, claim] of file.claims.entries()) {
    if (claim.order === undefined) continue;
    const hasMembers = !("value" in claim) && !("from" in claim && !claim.from.startsWith("request."));
    const fault = hasMembers
      ? orderFault(orderingSchema(claim, file))
      : "is for claims from request.<member>, from an expression, and for rest";
    if (fault !== undefined) faults.add(["claims", index, "order"], fault);
  }
}

function checkNames(claims: readonly ClaimRule[], faults: Faults): void {
  const names = new Set<string>();
  claims.forEach((claim, index) => {
    const name = "name" in claim ? claim.name : "";
    if (names.has(name)) faults.add(["claims", index], "is signed twice");
    names.add(name);
  });
}

/** The only source that a registered claim may have; undefined: it may have this one. */
function onlySource(claim: Exclude<ClaimRule, { rest: string }>, { issuer }: ProfileFile): string | undefined {
  // Libraries write 0 for a token that was always valid.
  if (claim.name === "nbf" && "value" in claim && claim.value === 0) return undefined;
  if (claim.name === "iss" && issuer === "tenant" && "from" in claim && claim.from === "tenant") return undefined;
  return Object.hasOwn(ONLY_FROM, claim.name) ? ONLY_FROM[claim.name] : undefined;
}

function checkSource(claim: ClaimRule, index: number, file: ProfileFile, faults: Faults): void {
  if ("minus" in claim && !("name" in claim && claim.name === "nbf" && "from" in claim))
    faults.add(["claims", index, "minus"], "is for nbf from issued_at alone");
  if ("rest" in claim) return;
  const from = "from" in claim ? claim.from : undefined;
  const only = onlySource(claim, file);
  if (only !== undefined && from !== only) faults.add(["claims", index], `${claim.name} must be taken from ${only}`);
  if (from === undefined) return;
  const path = ["claims", index, "from"];
  if (from.startsWith("request.") && memberOfSchema(file.request, from.split(".").slice(1)) === "unknown")
    faults.add(path, `${from} is not a member of the request schema`);
  if (from === "tenant" && file.tenant === undefined) faults.add(path, "needs `tenant` in the profile");
  if (from === "issuer" && file.issuer === "none")
    faults.add(path, "needs an issuer in the profile, not `issuer: none`");
  if (from === "expires_at" && file.lifetime.exp === "absent")
    faults.add(path, "has no value where lifetime.exp is absent");
}

/** The claims that verifying requires must be signed. */
function checkRegistered({ claims, issuer, lifetime }: ProfileFile, faults: Faults): void {
  if (issuer !== "none" && !signsClaim(claims, "iss"))
    faults.add(["claims"], "must include iss, unless the profile says `issuer: none`");
  if (lifetime.exp !== "absent" && !signsClaim(claims, "exp"))
    faults.add(["claims"], `must include exp, because lifetime.exp is ${lifetime.exp}`);
  if (lifetime.max_age !== undefined && !signsClaim(claims, "iat"))
    faults.add(["claims"], "must include iat, because lifetime.max_age counts from it");
}

/** `accept` must not require a claim that no token of the profile has: verifying would reject all of them. */
function checkRequired(file: ProfileFile, faults: Faults): void {
  const { required } = file.accept as { readonly required?: unknown };
  if (!Array.isArray(required)) return;
  required.forEach((name: unknown, index) => {
    if (typeof name === "string" && !maySign(file, name))
      faults.add(
        ["accept", "required", index],
        `${name} is not among the claims: no token of this profile would be valid`,
      );
  });
}

/** Claims that other keys name must be signed. */
function checkReferences({ claims, subject, tenant, ip, aliases }: ProfileFile, faults: Faults): void {
  const mustBeSigned = (name: string | undefined, path: Path): void => {
    if (name !== undefined && !signsClaim(claims, name)) faults.add(path, `${name} is not among the claims`);
  };
  if (subject !== undefined) mustBeSigned(subjectIn({ subject }).claim, ["subject"]);
  mustBeSigned(ip?.claim, ["ip", "claim"]);
  for (const claim of Object.keys(aliases)) mustBeSigned(claim, ["aliases", claim]);
  if (tenant?.claim !== undefined && !claims.some((c) => "from" in c && c.from === "tenant" && c.name === tenant.claim))
    faults.add(["tenant", "claim"], `the claims must include { name: ${tenant.claim}, from: tenant }`);
}

/** An alias must not be a claim itself, nor the alias of two claims. */
function checkAliases({ claims, aliases }: ProfileFile, faults: Faults): void {
  const seen = new Set<string>();
  for (const [claim, names] of Object.entries(aliases))
    for (const [index, name] of names.entries()) {
      const path = ["aliases", claim, index];
      if (signsClaim(claims, name)) faults.add(path, `${name} is itself a claim`);
      // The checks of times, issuer and audience would not see it under another name.
      else if (name === "aud" || Object.hasOwn(ONLY_FROM, name)) faults.add(path, `${name} is a registered claim`);
      if (seen.has(name)) faults.add(path, `${name} is already an alias`);
      seen.add(name);
    }
}
