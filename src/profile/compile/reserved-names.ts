import type { ProfileFile } from "../file/schema.ts";
import { REGISTERED_NAMES } from "../model/names.ts";

/**
 * The names that a caller may not use in the request object. With `rest`, names become claims: those that the service
 * itself signs or interprets are reserved.
 */
export function reservedNames({ claims, aliases }: Pick<ProfileFile, "claims" | "aliases">): ReadonlySet<string> {
  const reserved = new Set<string>();
  if (!claims.some((claim) => "rest" in claim)) return reserved;
  for (const name of REGISTERED_NAMES) reserved.add(name);
  for (const name of Object.values(aliases).flat()) reserved.add(name);
  for (const claim of claims) if ("name" in claim) reserved.add(claim.name);
  for (const claim of claims)
    if ("from" in claim && memberOf(claim.from).includes(claim.name)) reserved.delete(claim.name);
  return reserved;
}

/** The member of the request object that a claim is taken from, in a list; empty: from elsewhere. */
export function memberOf(source: string): string[] {
  return source.startsWith("request.") ? source.split(".").slice(1, 2) : [];
}
