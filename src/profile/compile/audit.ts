import type { Faults } from "../../schema/fault.ts";
import type { ProfileFile } from "../file/schema.ts";
import type { ProfileAudit, ShowClaims } from "../model/audit.ts";
import { memberAt } from "../model/member.ts";
import { PROTOTYPE_NAMES } from "../model/names.ts";
import { subjectIn } from "./check-claims.ts";
import { maySign, memberOfSchema, schemaOfMember } from "./schema-members.ts";

type ClaimPath = readonly string[];

/**
 * The most characters of JSON that the shown values of one token may have together, so that no request makes an event
 * too large for the spool or for NATS. The names are the profile's own.
 */
const MOST_SHOWN = 4096;

/** Compiles what audit events say. A claim that no token has, or that reveals a hashed subject, is a fault. */
export function compileAudit(raw: ProfileFile, faults: Faults): ProfileAudit {
  const { claims, subject, mode } = raw.audit;
  for (const [index, claim] of claims.entries()) {
    const path = claim.split(".");
    const fault =
      absenceFault(path, raw) ??
      overlapFault(path, claims.slice(0, index)) ??
      (subject === "hash" ? subjectFault(path, raw) : undefined);
    if (fault !== undefined) faults.add(["audit", "claims", index], fault);
  }
  return { claims, subject, mode, show: createShow(claims) };
}

function absenceFault(path: ClaimPath, file: ProfileFile): string | undefined {
  const [name = ""] = path;
  if (path.some((part) => PROTOTYPE_NAMES.has(part))) return `must name none of ${[...PROTOTYPE_NAMES].join(", ")}`;
  if (!maySign(file, name)) return `${name} is not among the claims`;
  if (mayHold(file.accept, path) && mayCarry(path, file)) return undefined;
  return path.length === 1
    ? `${name} is not a claim that the accept schema allows`
    : `${path.join(".")} is not a member that the claim ${name} can have`;
}

/** Whether the source of the claim may have the members behind its name. */
function mayCarry(path: ClaimPath, file: ProfileFile): boolean {
  const source = sourceOf(path, file);
  // An expression: its value is not known here.
  if (source === undefined) return true;
  const [first, ...members] = source;
  return first === "request" ? mayHold(file.request, members) : members.length === 0;
}

/** Where the value at the path comes from, member by member; undefined: from an expression. */
function sourceOf([name = "", ...members]: ClaimPath, { claims }: Pick<ProfileFile, "claims">): ClaimPath | undefined {
  const claim = claims.find((one) => "name" in one && one.name === name);
  if (claim === undefined || "rest" in claim) return ["request", name, ...members];
  if ("cel" in claim) return undefined;
  // Each fixed value is a source of its own.
  return "from" in claim ? [...claim.from.split("."), ...members] : [`value of ${name}`, ...members];
}

function mayHold(schema: object, path: ClaimPath): boolean {
  return memberOfSchema(schema, path) !== "unknown" && path.every((_, at) => mayBeObject(schema, path.slice(0, at)));
}

function mayBeObject(schema: object, path: ClaimPath): boolean {
  const { type } = schemaOfMember(schema, path) ?? {};
  return type === undefined || [type].flat().includes("object");
}

function overlapFault(path: ClaimPath, before: readonly string[]): string | undefined {
  const other = before.find((one) => overlap(path, one.split(".")));
  return other && `overlaps with ${other}`;
}

function subjectFault(path: ClaimPath, file: ProfileFile): string | undefined {
  const { claim } = subjectIn(file);
  const subject = sourceOf([claim], file);
  const shown = sourceOf(path, file);
  const reveals = path[0] === claim || (subject !== undefined && shown !== undefined && overlap(subject, shown));
  return reveals ? "would show the subject, which needs `subject: clear`" : undefined;
}

/** Whether one path is the other, or leads to it. */
function overlap(left: ClaimPath, right: ClaimPath): boolean {
  return left.slice(0, right.length).every((name, at) => name === right[at]);
}

/** Takes the claims at the paths out of those of a token, in the order of the paths. */
function createShow(names: readonly string[]): ShowClaims {
  const nothing = { claims: undefined, claimsLeftOut: [] };
  if (names.length === 0) return () => nothing;
  const paths = names.map((name) => ({ name, path: name.split(".") }));
  return ({ text, object }) => {
    // What is shown is a part of the claims: only large ones need to be measured.
    let room = text.length <= MOST_SHOWN ? Number.POSITIVE_INFINITY : MOST_SHOWN;
    const claims: Record<string, unknown> = {};
    const claimsLeftOut: string[] = [];
    for (const { name, path } of paths) {
      const value = memberAt(object, path);
      if (value === undefined) continue;
      const size = room === Number.POSITIVE_INFINITY ? 0 : JSON.stringify(value).length;
      if (size > room) claimsLeftOut.push(name);
      else {
        room -= size;
        put(claims, path, value);
      }
    }
    return { claims: Object.keys(claims).length === 0 ? undefined : claims, claimsLeftOut };
  };
}

function put(object: Record<string, unknown>, path: ClaimPath, value: unknown): void {
  let at = object;
  for (const name of path.slice(0, -1)) {
    if (!Object.hasOwn(at, name)) at[name] = {};
    at = at[name] as Record<string, unknown>;
  }
  at[path.at(-1) ?? ""] = value;
}
