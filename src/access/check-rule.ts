import type { Profile } from "../profile/model/profile.ts";
import { wholeSeconds } from "../schema/duration.ts";
import type { Faults, Path } from "../schema/fault.ts";
import type { RuleInFile } from "./policy-file.ts";
import { type Dimension, hasDimension, type Method, mayNeed } from "./question.ts";
import { prefixOf, subjectSet } from "./subjects.ts";

/** The key of a rule that limits a dimension. */
const KEY_OF = {
  profile: "profiles",
  tenant: "tenants",
  audience: "audiences",
  subject: "subjects",
  ttl: "max_ttl",
} as const satisfies Record<Dimension, keyof RuleInFile>;
const DIMENSIONS = Object.keys(KEY_OF) as Dimension[];

/** Checks that a rule can apply: each of its methods to each profile that it names, with everything that it lists. */
export function checkRule(rule: RuleInFile, path: Path, profiles: ReadonlyMap<string, Profile>, faults: Faults): void {
  checkDimensions(rule, path, faults);
  checkSubjects(rule, path, faults);
  rule.permissions?.forEach((permission, index) => {
    if (!rule.methods.some((method) => mayNeed(method, permission)))
      faults.add([...path, "permissions", index], "is for no method of the rule");
  });
  if (rule.max_ttl !== undefined) wholeSeconds(rule.max_ttl, (message) => faults.add([...path, "max_ttl"], message));
  checkCredentials(rule, path, profiles, faults);
  if (Array.isArray(rule.profiles)) checkNamed(rule, rule.profiles, path, profiles, faults);
  else checkAny(rule, path, profiles, faults);
}

/** A call without a dimension is denied by a rule that limits it. What is forgotten must not allow everything. */
function checkDimensions(rule: RuleInFile, path: Path, faults: Faults): void {
  for (const dimension of DIMENSIONS) {
    const key = KEY_OF[dimension];
    const lacking = rule.methods.filter((method) => !hasDimension(method, dimension));
    if (rule[key] !== undefined && rule[key] !== "any" && lacking.length > 0)
      faults.add(
        [...path, key],
        `denies every ${lacking.join(" and ")}, which has no ${dimension}: it needs a rule of its own`,
      );
  }
  if (rule.profiles === undefined && rule.methods.some((method) => hasDimension(method, "profile")))
    faults.add([...path, "profiles"], "is required for such methods: a list of names, or any");
  if (rule.subjects === undefined && rule.methods.includes("IssueToken"))
    faults.add([...path, "subjects"], "is required for IssueToken: a list, or any");
}

function checkSubjects({ subjects }: RuleInFile, path: Path, faults: Faults): void {
  if (subjects === undefined || subjects === "any") return;
  const { prefixes } = subjectSet(subjects);
  const before = new Set<string>();
  subjects.forEach((subject, index) => {
    const [text, own] = typeof subject === "string" ? [subject] : [subject.prefix, subject.prefix];
    const prefix = subject === "self" ? undefined : prefixOf(text, prefixes);
    if (prefix !== undefined && prefix !== own)
      faults.add([...path, "subjects", index], "begins with a prefix of the same list");
    if (before.has(JSON.stringify(subject))) faults.add([...path, "subjects", index], "is in the list already");
    before.add(JSON.stringify(subject));
  });
}

/** A caller that may issue a credential with a subject of its choice becomes any caller. */
function checkCredentials(
  { methods, profiles: named, subjects = "any" }: RuleInFile,
  path: Path,
  profiles: ReadonlyMap<string, Profile>,
  faults: Faults,
): void {
  if (!methods.includes("IssueToken")) return;
  if (subjects !== "any" && subjects.every((subject) => typeof subject === "string" && subject !== "self")) return;
  for (const { name, credential } of profiles.values())
    if (credential !== undefined && (named === undefined || named === "any" || named.includes(name)))
      faults.add(
        [...path, "subjects"],
        `must be exact subjects where IssueToken is allowed with ${name}, whose tokens prove callers`,
      );
}

function checkNamed(
  rule: RuleInFile,
  names: readonly string[],
  path: Path,
  profiles: ReadonlyMap<string, Profile>,
  faults: Faults,
): void {
  for (const [index, name] of names.entries()) {
    const profile = profiles.get(name);
    const messages =
      profile === undefined
        ? [`is not the name of a profile (known: ${[...profiles.keys()].join(", ")})`]
        : neverAllowed(rule, profile);
    for (const message of messages) faults.add([...path, "profiles", index], message);
  }
}

function neverAllowed(rule: RuleInFile, profile: Profile): string[] {
  return rule.methods.flatMap((method) => {
    const obstacle = obstacleOf(rule, method, profile);
    return obstacle === undefined ? [] : `${profile.name} ${obstacle}: the rule never allows ${method} with it`;
  });
}

function checkAny(rule: RuleInFile, path: Path, profiles: ReadonlyMap<string, Profile>, faults: Faults): void {
  for (const method of rule.methods) {
    if (!hasDimension(method, "profile")) continue;
    const obstacles = [...profiles.values()].map((profile) => obstacleOf(rule, method, profile));
    const [first] = obstacles;
    if (first !== undefined && !obstacles.includes(undefined))
      faults.add(path, `never allows ${method}: each profile ${[...new Set(obstacles)].join(", or ")}`);
  }
}

/** Why a rule never allows a method with a profile. */
function obstacleOf(rule: RuleInFile, method: Method, profile: Profile): string | undefined {
  const { tenants, audiences, subjects, max_ttl: maxTtl } = rule;
  const { tenant, takes, hasAudience, keys, lifetime, sessions } = profile;
  if (tenants !== undefined && tenant === undefined) return "has no tenants";
  if ((method === "ImportKey" || method === "RevokeKey") && keys.kind === "keyset") return "has no imported keys";
  const verifies = method === "VerifyToken" || method === "OpenSession";
  if (audiences !== undefined && verifies && !hasAudience) return "has no audience";
  if ((method === "OpenSession" || method === "ListSessions") && sessions === undefined) return "has no sessions";
  if (method !== "IssueToken") return undefined;
  if (audiences !== undefined && !takes.audience) return "takes no audience";
  if (subjects !== undefined && subjects !== "any" && !takes.subject) return "takes no subject";
  if (maxTtl === undefined) return undefined;
  if (lifetime.exp === "absent") return "has tokens without exp";
  return wholeSeconds(maxTtl, () => undefined) < lifetime.min ? `has no lifetime below ${lifetime.min}s` : undefined;
}
