import { wholeSeconds } from "../../schema/duration.ts";
import type { Faults } from "../../schema/fault.ts";
import type { CompileCel } from "../cel/cel.ts";
import type { ProfileFile } from "../file/schema.ts";
import type { MapClaims } from "../model/claims.ts";
import { compileClaims } from "./claims.ts";
import { memberOf } from "./reserved-names.ts";
import { compileExpression } from "./rules.ts";
import { claimsShape } from "./schema-members.ts";

/** Compiles the mapping from a request to the claims that are signed. */
export function compileMapping(raw: ProfileFile, compile: CompileCel, faults: Faults): MapClaims {
  const compileClaim = (expression: string, index: number, name: string) => {
    const wanted = { schema: claimsShape(raw).properties[name] ?? {}, nullable: true };
    return compileExpression(compile, expression, { request: raw.request }, wanted, ["claims", index, "cel"], faults);
  };
  const secondsOf = (minus: string, index: number) =>
    wholeSeconds(minus, (reason) => faults.add(["claims", index, "minus"], reason));
  return compileClaims(raw, compileClaim, secondsOf, usedMembers(raw));
}

/** The members of the request object that other keys use: `rest` leaves them out. */
function usedMembers({ claims, lifetime }: ProfileFile): Set<string> {
  const members = claims.flatMap((claim) => ("from" in claim ? memberOf(claim.from) : []));
  return new Set([...members, ...[lifetime.from, lifetime.extended?.by].filter((name) => name !== undefined)]);
}
