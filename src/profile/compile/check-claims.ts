import type { Faults } from "../../schema/fault.ts";
import type { ProfileFile } from "../file/schema.ts";
import type { ClaimRule } from "../model/claims.ts";
import { maySign, memberOfSchema } from "./schema-members.ts";

/** Registered claims (RFC 7519, 4.1) that mean the same in every token. What they hold is what verifying relies on. */
const ONLY_FROM: Readonly<Record<string, string>> = {
  iss: "issuer",
  iat: "issued_at",
  nbf: "issued_at",
  exp: "expires_at",
  jti: "token_id",
};

/** Checks that the claims fit each other and the rest of the file. */
export function checkClaims(file: ProfileFile, faults: Faults): void {
  checkNames(file.claims, faults);
  file.claims.forEach((claim, index) => {
    checkSource(claim, index, file, faults);
  });
  checkRegistered(file, faults);
  checkNamed(file, faults);
  checkDemanded(file, faults);
}

/** Whether a claim is signed from this source. */
export function signsFrom(claims: readonly ClaimRule[], source: string): boolean {
  return claims.some((claim) => "from" in claim && claim.from === source);
}

export function signsClaim(claims: readonly ClaimRule[], name: string): boolean {
  return claims.some((claim) => "name" in claim && claim.name === name);
}

function checkNames(claims: readonly ClaimRule[], faults: Faults): void {
  const names = new Set<string>();
  claims.forEach((claim, index) => {
    const name = "name" in claim ? claim.name : "";
    if (names.has(name)) faults.add(["claims", index], "is signed twice");
    names.add(name);
  });
}

function checkSource(claim: ClaimRule, index: number, file: ProfileFile, faults: Faults): void {
  if ("rest" in claim) return;
  const only = Object.hasOwn(ONLY_FROM, claim.name) ? ONLY_FROM[claim.name] : undefined;
  const from = "from" in claim ? claim.from : undefined;
  if (only !== undefined && from !== only) faults.add(["claims", index], `${claim.name} must be taken from ${only}`);
  if (from === undefined) return;
  const path = ["claims", index, "from"];
  if (from.startsWith("request.") && memberOfSchema(file.request, from.split(".").slice(1)) === "unknown")
    faults.add(path, `${from} is not a member of the request schema`);
  if (from === "tenant" && file.tenant === undefined) faults.add(path, "needs a profile with `tenant`");
  if (from === "issuer" && file.issuer === "none")
    faults.add(path, "needs a profile with an issuer, not `issuer: none`");
  if (from === "expires_at" && file.lifetime.exp === "absent")
    faults.add(path, "has no value where lifetime.exp is absent");
}

/** The claims that verifying demands must be signed. */
function checkRegistered({ claims, issuer, lifetime }: ProfileFile, faults: Faults): void {
  if (issuer !== "none" && !signsClaim(claims, "iss"))
    faults.add(["claims"], "must hold iss, or the profile say `issuer: none`");
  if (lifetime.exp !== "absent" && !signsClaim(claims, "exp"))
    faults.add(["claims"], `must hold exp, because lifetime.exp is ${lifetime.exp}`);
  if (lifetime.max_age !== undefined && !signsClaim(claims, "iat"))
    faults.add(["claims"], "must hold iat, because lifetime.max_age counts from it");
}

/** What is accepted must not demand what no token of the profile holds: each would be refused from its birth. */
function checkDemanded(file: ProfileFile, faults: Faults): void {
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

/** What other keys name must be among the claims. */
function checkNamed({ claims, subject, tenant, ip, aliases }: ProfileFile, faults: Faults): void {
  const demand = (name: string | undefined, path: readonly (string | number)[]): void => {
    if (name !== undefined && !signsClaim(claims, name)) faults.add(path, `${name} is not among the claims`);
  };
  demand(subject, ["subject"]);
  demand(ip?.claim, ["ip", "claim"]);
  if (tenant?.claim !== undefined && !claims.some((c) => "from" in c && c.from === "tenant" && c.name === tenant.claim))
    faults.add(["tenant", "claim"], `the claims must hold { name: ${tenant.claim}, from: tenant }`);
  const taken = new Set<string>();
  for (const [claim, names] of Object.entries(aliases)) {
    demand(claim, ["aliases", claim]);
    names.forEach((name, index) => {
      const path = ["aliases", claim, index];
      if (signsClaim(claims, name)) faults.add(path, `${name} is a claim of its own`);
      // Under another name no check of times, issuer or audience would see it.
      else if (name === "aud" || Object.hasOwn(ONLY_FROM, name))
        faults.add(path, `${name} is a registered claim of its own`);
      if (taken.has(name)) faults.add(path, `${name} is an alias already`);
      taken.add(name);
    });
  }
}
