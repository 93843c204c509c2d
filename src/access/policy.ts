import type { Caller } from "../caller.ts";
import type { ExpressionFailure } from "../profile/model/rules.ts";
import type { CallerLimits } from "./limits/caller-limits.ts";
import { METHODS, type Method, type Question } from "./question.ts";
import type { Check, Rule } from "./rule.ts";

/**
 * Whether a call is allowed, and by which rule. Denied because of the method: no rule lets the caller call it. Of the
 * profile: no rule lets the caller call the method with it, so the answer MUST be the same as for a profile that does
 * not exist. Of the request: everything else. Whether the profile exists is not decided here.
 */
export type Decision =
  | { readonly allowed: true; readonly rule: Rule }
  | { readonly allowed: false; readonly because: "method" | "profile" | "request" };

/** A key of a rule that does not allow a question; `cause` is why a condition has no value. */
interface Denial {
  readonly key: Check["key"];
  readonly cause?: string;
}

/** A rule of a caller, and what in it does not allow the question: nothing where the rule allows it. */
export interface RuleExplanation {
  readonly rule: Rule;
  readonly denials: readonly Denial[];
}

/** Called when the condition of a rule has no value, which is usually the operator's mistake. */
export type OnConditionError = (rule: Rule, failure: ExpressionFailure) => void;

/** Who may do what. What no rule allows is denied. */
export interface Policy {
  /** The name of its file. */
  readonly file: string;
  readonly text: string;
  /** SHA-256 of the text, base64url. */
  readonly digest: string;
  /** How many tests it holds. All of them pass. */
  readonly tests: number;
  /** How much the caller may call. */
  limitsOf(caller: string): CallerLimits;
  /** Decides on a call. Takes a microsecond or two, plus the conditions of the rules that are left. Never throws. */
  decide(caller: Caller, question: Question, onConditionError?: OnConditionError): Decision;
  /** Every rule of the caller, in the order of the file. Those without denials allow the question. */
  explain(caller: Caller, question: Question): readonly RuleExplanation[];
}

const DENIED = {
  method: { allowed: false, because: "method" },
  profile: { allowed: false, because: "profile" },
  request: { allowed: false, because: "request" },
} as const;

/** `callers` has the names of each group of the rules. */
export function createPolicy(
  source: Pick<Policy, "file" | "text" | "digest" | "tests" | "limitsOf">,
  rules: readonly Rule[],
  callers: ReadonlyMap<string, readonly string[]>,
): Policy {
  const tables = tablesByCaller(rules, callers);
  return {
    ...source,
    decide(caller, question, onConditionError = ignore) {
      const { method, profile } = question;
      const table = tables.get(caller.name)?.byMethod.get(method);
      if (table === undefined) return DENIED.method;
      const candidates = (profile === undefined ? undefined : table.byProfile.get(profile)) ?? table.anyProfile;
      if (candidates.length === 0) return profile === undefined ? DENIED.request : DENIED.profile;
      for (const rule of candidates)
        if (passes(rule, caller, question, onConditionError)) return { allowed: true, rule };
      return DENIED.request;
    },
    explain(caller, question) {
      const own = tables.get(caller.name)?.rules ?? [];
      return own.map((rule) => ({ rule, denials: denialsOf(rule, caller, question) }));
    },
  };
}

function passes(rule: Rule, caller: Caller, question: Question, onConditionError: OnConditionError): boolean {
  for (const { allows } of rule.checks) {
    const allowed = allows(caller, question);
    if (allowed === true) continue;
    if (allowed !== false) onConditionError(rule, allowed);
    return false;
  }
  return true;
}

function denialsOf(rule: Rule, caller: Caller, question: Question): Denial[] {
  const { methods, profiles: named, checks } = rule;
  const { method, profile } = question;
  // What it says of other methods explains nothing.
  if (!methods.has(method)) return [{ key: "methods" }];
  const hasProfile = named === undefined || (profile !== undefined && named.has(profile));
  return [
    ...(hasProfile ? [] : [{ key: "profiles" } as const]),
    ...checks.flatMap(({ key, allows }) => {
      const allowed = allows(caller, question);
      if (allowed === true) return [];
      return [allowed === false ? { key } : { key, cause: allowed.cause }];
    }),
  ];
}

/** The rules of a caller, in the order of the file, and where to look them up. */
interface CallerTable {
  readonly rules: readonly Rule[];
  readonly byMethod: ReadonlyMap<Method, MethodTable>;
}

interface MethodTable {
  /** For each profile that a rule names: its rules, and those of any profile. */
  readonly byProfile: ReadonlyMap<string, readonly Rule[]>;
  /** For other profiles, and for a call that names none. */
  readonly anyProfile: readonly Rule[];
}

/** Callers of the same groups share one table. */
function tablesByCaller(
  rules: readonly Rule[],
  callers: ReadonlyMap<string, readonly string[]>,
): ReadonlyMap<string, CallerTable> {
  const groupsOf = Map.groupBy(
    [...callers].flatMap(([group, names]) => names.map((name) => ({ group, name }))),
    ({ name }) => name,
  );
  const shared = new Map<string, CallerTable>();
  const tables = new Map<string, CallerTable>();
  for (const [name, memberships] of groupsOf) {
    const groups = memberships.map(({ group }) => group);
    const key = groups.join(" ");
    const table = shared.get(key) ?? tableOf(rules.filter(({ group }) => groups.includes(group)));
    shared.set(key, table);
    tables.set(name, table);
  }
  return tables;
}

function tableOf(rules: readonly Rule[]): CallerTable {
  const byMethod = new Map<Method, MethodTable>();
  for (const method of METHODS) {
    const having = rules.filter(({ methods }) => methods.has(method));
    if (having.length > 0) byMethod.set(method, methodTableOf(having));
  }
  return { rules, byMethod };
}

function methodTableOf(rules: readonly Rule[]): MethodTable {
  const named = new Set(rules.flatMap(({ profiles }) => [...(profiles ?? [])]));
  const rulesFor = (profile: string) => rules.filter(({ profiles }) => profiles === undefined || profiles.has(profile));
  return {
    byProfile: new Map([...named].map((profile) => [profile, rulesFor(profile)])),
    anyProfile: rules.filter(({ profiles }) => profiles === undefined),
  };
}

function ignore(): void {}
