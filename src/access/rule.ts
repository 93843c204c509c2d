import type { Caller } from "../caller.ts";
import type { CompileCel } from "../profile/cel/cel.ts";
import { compileCondition } from "../profile/compile/rules.ts";
import type { Profile, ProfileLifetime } from "../profile/model/profile.ts";
import type { ExpressionFailure } from "../profile/model/rules.ts";
import { durationMs } from "../schema/duration.ts";
import type { Faults, Path } from "../schema/fault.ts";
import { pathText } from "../schema/path-text.ts";
import type { RuleInFile } from "./policy-file.ts";
import type { Method, Question } from "./question.ts";
import { compileSubjects } from "./subjects.ts";

/** One limit of a rule. */
export interface Check {
  /** The key of the rule that states it. */
  readonly key: keyof RuleInFile;
  /** Anything but true denies. Never throws. */
  readonly allows: (caller: Caller, question: Question) => boolean | ExpressionFailure;
}

/** A rule of a policy, compiled: it allows what has one of its methods and profiles, and passes its checks. */
export interface Rule {
  readonly group: string;
  /** Its path in the file, e.g. `groups.orders.rules[0]`. */
  readonly place: string;
  /** Its line in the file, from 1. */
  readonly line: number | undefined;
  readonly methods: ReadonlySet<Method>;
  /** Undefined: any, and calls that name none. */
  readonly profiles: ReadonlySet<string> | undefined;
  /** The cheapest first. */
  readonly checks: readonly Check[];
}

/** What rules are compiled with. */
export interface RuleContext {
  readonly profiles: ReadonlyMap<string, Profile>;
  readonly compileCel: CompileCel;
  readonly faults: Faults;
}

export function compileRule(raw: RuleInFile, path: Path, line: number | undefined, context: RuleContext): Rule {
  const { profiles } = raw;
  return {
    group: String(path[1]),
    place: pathText(path),
    line,
    methods: new Set(raw.methods),
    profiles: profiles === undefined || profiles === "any" ? undefined : new Set(profiles),
    checks: checksOf(raw, path, context),
  };
}

function checksOf(raw: RuleInFile, path: Path, context: RuleContext): Check[] {
  const checks: Check[] = [];
  const add = (key: Check["key"], allows: Check["allows"]) => void checks.push({ key, allows });
  if (raw.tenants !== undefined) {
    const tenants = new Set(raw.tenants);
    add("tenants", (_, { tenant }) => tenant !== undefined && tenants.has(tenant));
  }
  if (raw.audiences !== undefined) {
    const audiences = new Set(raw.audiences);
    add("audiences", (_, { audience }) => audience !== undefined && hasAll(audiences, audience) && audience.length > 0);
  }
  if (raw.subjects !== undefined && raw.subjects !== "any") {
    const allowsSubject = compileSubjects(raw.subjects);
    add("subjects", ({ name }, { subject }) => subject !== undefined && allowsSubject(subject, name));
  }
  if (raw.max_ttl !== undefined) add("max_ttl", ttlLimit(raw.max_ttl, context.profiles));
  const permissions = new Set<string>(raw.permissions);
  add("permissions", (_, { needs }) => needs === undefined || hasAll(permissions, needs));
  if (raw.when !== undefined) add("when", conditionLimit(raw.when, path, context));
  return checks;
}

/** Several times as fast as `every`. */
function hasAll(set: ReadonlySet<string>, values: readonly string[]): boolean {
  for (const value of values) if (!set.has(value)) return false;
  return true;
}

function ttlLimit(maxTtl: string, profiles: RuleContext["profiles"]): Check["allows"] {
  const maxSeconds = (durationMs(maxTtl) ?? 0) / 1000;
  return (_, question) => {
    const profile = profiles.get(question.profile ?? "");
    // Of a profile that does not exist there are no tokens: its call fails for that reason.
    if (profile === undefined) return true;
    const seconds = ttlOf(question, profile.lifetime);
    return seconds !== undefined && seconds <= maxSeconds;
  };
}

/** The lifetime in seconds that a token would get; undefined where it gets none, NaN where it is not known. */
function ttlOf({ ttlSeconds, claims }: Question, { ttlFrom, default: preset }: ProfileLifetime): number | undefined {
  if (ttlFrom === undefined) return ttlSeconds ?? preset;
  const asked = claims === undefined ? Number.NaN : (claims[ttlFrom] ?? preset);
  return typeof asked === "number" || asked === undefined ? asked : Number.NaN;
}

const TEXT = { type: "string" };

/** What a condition may name. What the request does not have is absent. */
const VARIABLES = {
  caller: {
    type: "object",
    additionalProperties: false,
    properties: { name: TEXT, proof: TEXT, address: TEXT },
  },
  request: {
    type: "object",
    additionalProperties: false,
    properties: {
      method: TEXT,
      profile: TEXT,
      tenant: TEXT,
      audience: { type: "array", items: TEXT },
      subject: TEXT,
      ttl_seconds: { type: "number" },
      claims: { type: "object" },
    },
  },
};

function conditionLimit(expression: string, path: Path, { compileCel, faults }: RuleContext): Check["allows"] {
  const condition = compileCondition(compileCel, expression, VARIABLES, [...path, "when"], faults);
  return ({ name, proof, address }, question) => {
    if (hasMoreValues(question.claims, MOST_VALUES)) return TOO_LARGE;
    return condition({ caller: { name, proof, address }, request: requestOf(question) });
  };
}

/** As many as 8 KiB of JSON can hold, the largest request object that is issued for. */
const MOST_VALUES = 4096;
const TOO_LARGE: ExpressionFailure = { reason: "too_costly", cause: "the request object is too large" };

/** The budget of a condition is for its evaluation: it begins when the values have been converted. */
function hasMoreValues(value: unknown, most: number): boolean {
  const left = [value];
  let count = 0;
  while (left.length > 0 && count <= most) {
    const next = left.pop();
    count += 1;
    if (typeof next === "object" && next !== null) {
      const inside = Object.values(next);
      if (inside.length > most) return true;
      left.push(...inside);
    }
  }
  return count > most;
}

function requestOf({ method, profile, tenant, audience, subject, ttlSeconds, claims }: Question) {
  const members = { method, profile, tenant, audience, subject, ttl_seconds: ttlSeconds, claims };
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}
