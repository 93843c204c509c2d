import type { Faults } from "../../schema/fault.ts";
import type { CompileCel } from "../cel/cel.ts";
import type { ProfileFile } from "../file/schema.ts";
import type { MapClaims } from "../model/claims.ts";
import { REGISTERED_NAMES } from "../model/names.ts";
import { compileClaims } from "./claims.ts";
import { compileExpression } from "./rules.ts";

/** How a request becomes the claims that are signed. */
export function compileMapping(raw: ProfileFile, compile: CompileCel, faults: Faults): MapClaims {
  const program = (expression: string, index: number) =>
    compileExpression(compile, expression, { request: raw.request }, ["claims", index, "cel"], faults);
  return compileClaims(raw.claims, program, takenMembers(raw));
}

/** The members of the request object that have a meaning of their own: `rest` leaves them out. */
function takenMembers({ claims, lifetime }: ProfileFile): Set<string> {
  const members = claims.flatMap((claim) => ("from" in claim ? memberOf(claim.from) : []));
  return new Set([...members, ...[lifetime.from, lifetime.extended?.by].filter((name) => name !== undefined)]);
}

function memberOf(source: string): string[] {
  return source.startsWith("request.") ? source.split(".").slice(1, 2) : [];
}

/**
 * The names that no caller may set in the request object: where its names become claims, all that the service signs by
 * itself or gives a meaning.
 */
export function reservedNames({ claims, aliases }: Pick<ProfileFile, "claims" | "aliases">): ReadonlySet<string> {
  const own = new Set<string>();
  if (!claims.some((claim) => "rest" in claim)) return own;
  for (const name of REGISTERED_NAMES) own.add(name);
  for (const name of Object.values(aliases).flat()) own.add(name);
  for (const claim of claims) if ("name" in claim) own.add(claim.name);
  for (const claim of claims) if ("from" in claim && memberOf(claim.from).includes(claim.name)) own.delete(claim.name);
  return own;
}
