import type { Faults } from "../../schema/fault.ts";
import type { ProfileFile } from "../file/schema.ts";
import { MOST_SESSIONS, type SessionRule } from "../model/sessions.ts";
import { signsClaim, subjectIn } from "./check-claims.ts";
import { maySign, schemaOfMember } from "./schema-members.ts";

/** Compiles what limits the sessions of a profile. A limit that `accept` does not keep within bounds is a fault. */
export function compileSessions(raw: ProfileFile, faults: Faults): SessionRule | undefined {
  if (raw.sessions === undefined) return undefined;
  const { limit, by = "token" } = raw.sessions;
  const check = (key: "limit" | "by", fault: string | undefined): void => {
    if (fault !== undefined) faults.add(["sessions", key], fault);
  };
  if (raw.sessions.by !== undefined && limit === undefined) check("by", "needs a limit");
  if (typeof limit === "string") check("limit", limitFault(limit, raw));
  if (by === "subject") check("by", subjectFault(raw));
  else if (by !== "token") check("by", counterFault(by, raw));
  return {
    limit: typeof limit === "string" ? limit.split(".") : limit,
    by: by === "token" || by === "subject" ? by : by.split("."),
  };
}

function limitFault(claim: string, file: ProfileFile): string | undefined {
  if (isUnsigned(claim, file)) return `${claim} is not among the claims`;
  const { type, minimum, maximum } = schemaOfMember(file.accept, claim.split(".")) ?? {};
  if (type === "integer" && Number(minimum) >= 1 && Number(maximum) <= MOST_SESSIONS) return undefined;
  return `${claim} must be an integer in the accept schema, with a minimum and a maximum within 1 to ${MOST_SESSIONS}`;
}

function subjectFault(file: ProfileFile): string | undefined {
  const { claim, may_be_empty } = subjectIn(file);
  if (!signsClaim(file.claims, claim)) return "needs a claim with the subject: without one no token has a subject";
  return may_be_empty ? "must not be a subject that may be empty: anonymous clients would share a limit" : undefined;
}

function counterFault(claim: string, file: ProfileFile): string | undefined {
  if (isUnsigned(claim, file)) return `${claim} is not among the claims`;
  const { type } = schemaOfMember(file.accept, claim.split(".")) ?? {};
  return type === "string" || type === "integer"
    ? undefined
    : `${claim} must be a string or an integer in the accept schema`;
}

function isUnsigned(claim: string, file: ProfileFile): boolean {
  const [name = ""] = claim.split(".");
  return !maySign(file, name);
}
