import { durationMs } from "../schema/duration.ts";
import type { RuleInFile } from "./policy-file.ts";
import { coversSubject, type SubjectSet, subjectSet } from "./subjects.ts";

/** A rule as written, with the callers of its group. */
export interface OwnedRule {
  readonly callers: ReadonlySet<string>;
  readonly rule: RuleInFile;
  /** Those of the rule, to be looked up; undefined: any. */
  readonly subjects: SubjectSet | undefined;
}

export function ownedRule(rule: RuleInFile, callers: ReadonlySet<string>): OwnedRule {
  const { subjects } = rule;
  return { rule, callers, subjects: subjects === undefined || subjects === "any" ? undefined : subjectSet(subjects) };
}

/** Whether the first rule allows everything that the second one allows, as far as their lists say. */
export function covers({ rule: wide, ...owned }: OwnedRule, { rule: narrow, callers }: OwnedRule): boolean {
  return (
    narrow.methods.every((method) => wide.methods.includes(method)) &&
    includesAll(wide.profiles, narrow.profiles) &&
    includesAll(wide.tenants, narrow.tenants) &&
    includesAll(wide.audiences, narrow.audiences) &&
    coversSubjects(owned.subjects, narrow.subjects) &&
    coversTtl(wide.max_ttl, narrow.max_ttl) &&
    (narrow.permissions ?? []).every((permission) => (wide.permissions ?? []).includes(permission)) &&
    (wide.when === undefined || wide.when === narrow.when) &&
    [...callers].every((name) => owned.callers.has(name))
  );
}

type List = "any" | readonly string[] | undefined;

function includesAll(wide: List, narrow: List): boolean {
  if (wide === undefined || wide === "any") return true;
  return narrow !== undefined && narrow !== "any" && narrow.every((one) => wide.includes(one));
}

function coversSubjects(wide: SubjectSet | undefined, narrow: RuleInFile["subjects"]): boolean {
  if (wide === undefined) return true;
  return narrow !== undefined && narrow !== "any" && narrow.every((item) => coversSubject(wide, item));
}

function coversTtl(wide: string | undefined, narrow: string | undefined): boolean {
  if (wide === undefined) return true;
  return narrow !== undefined && (durationMs(narrow) ?? 0) <= (durationMs(wide) ?? 0);
}
