import { randomInt } from "node:crypto";
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import { UNLIMITED } from "../../src/access/limits/caller-limits.ts";
import { createPolicy, type Policy } from "../../src/access/policy.ts";
import type { RuleInFile, SubjectInFile } from "../../src/access/policy-file.ts";
import { METHODS, PERMISSIONS, type Question } from "../../src/access/question.ts";
import { compileRule } from "../../src/access/rule.ts";
import type { Caller } from "../../src/caller.ts";
import { createCelCompiler } from "../../src/profile/cel/cel.ts";
import { createFaults } from "../../src/schema/fault.ts";
import { callerOf, SHIPPED } from "../support/access/policies.ts";

type Groups = Readonly<Record<string, { readonly callers: readonly string[]; readonly rules: readonly RuleInFile[] }>>;

const CALLERS = ["dns:a", "dns:b", "dns:ab", "loopback"];
const PROFILES = ["service", "euler-stream", "viasocket", "nothing"];
const VALUES = ["a", "ab", "abc", "b", "dns:a", ""];

const listOf = <T>(arbitrary: fc.Arbitrary<T>) => fc.uniqueArray(arbitrary, { minLength: 1, maxLength: 3 });
const oneOf = fc.constantFrom;
const texts = listOf(oneOf("a", "ab", "abc", "b"));
const subject: fc.Arbitrary<SubjectInFile> = fc.oneof(
  oneOf("self", "a", "abc", "dns:a"),
  fc.record({ prefix: oneOf("a", "ab", "abc", "d", "dns:a") }),
);

const anyRule: fc.Arbitrary<RuleInFile> = fc.record(
  {
    methods: listOf(oneOf(...METHODS)),
    profiles: fc.oneof(fc.constant("any" as const), listOf(oneOf(...PROFILES))),
    tenants: texts,
    audiences: texts,
    subjects: fc.oneof(fc.constant("any" as const), listOf(subject)),
    max_ttl: oneOf("0s", "1s", "60s", "15m", "1h"),
    permissions: listOf(oneOf(...PERMISSIONS)),
    when: oneOf("caller.name == 'dns:a'", "has(request.tenant)", "request.claims.x"),
  },
  { requiredKeys: ["methods"] },
);

const anyGroups: fc.Arbitrary<Groups> = fc.dictionary(
  oneOf("one", "two", "three"),
  fc.record({ callers: listOf(oneOf(...CALLERS)), rules: fc.array(anyRule, { minLength: 1, maxLength: 6 }) }),
);

const anyQuestion: fc.Arbitrary<Question> = fc.record(
  {
    method: oneOf(...METHODS),
    profile: oneOf(...PROFILES),
    tenant: oneOf(...VALUES),
    audience: fc.array(oneOf(...VALUES), { maxLength: 3 }),
    subject: oneOf(...VALUES),
    ttlSeconds: oneOf(0, 1, 60, 60.5, 900, 3600, Number.NaN),
    claims: oneOf<Record<string, unknown>[]>({}, { expireAfter: 60 }, { expireAfter: "1" }, { x: true }),
    needs: fc.subarray([...PERMISSIONS]),
  },
  { requiredKeys: ["method"] },
);

function compile(groups: Groups): Policy {
  const faults = createFaults((_, message) => ({ file: "", path: "", message }));
  const context = { profiles: SHIPPED, compileCel: createCelCompiler(new Map()), faults };
  const rules = Object.entries(groups).flatMap(([group, { rules: raw }]) =>
    raw.map((rule, index) => compileRule(rule, ["groups", group, "rules", index], 1, context)),
  );
  const callers = new Map(Object.entries(groups).map(([group, { callers: names }]) => [group, names]));
  return createPolicy({ file: "", text: "", digest: "", tests: 0, limitsOf: () => UNLIMITED }, rules, callers);
}

/** What the documentation says of a policy, without look-ups. */
function isAllowed(groups: Groups, caller: Caller, question: Question, ignored?: keyof RuleInFile): boolean {
  const { method, profile, tenant, audience, needs = [] } = question;
  return Object.values(groups).some(
    ({ callers, rules }) =>
      callers.includes(caller.name) && rules.some((rule) => allows({ ...rule, [ignored ?? ""]: undefined })),
  );

  function allows({ methods, profiles, tenants, audiences, subjects, max_ttl, permissions = [], when }: RuleInFile) {
    return (
      methods.includes(method) &&
      isIn(profiles, profile) &&
      isIn(tenants, tenant) &&
      (audiences === undefined ||
        (audience !== undefined && audience.length > 0 && audience.every((one) => audiences.includes(one)))) &&
      allowsSubject(subjects) &&
      allowsTtl(max_ttl) &&
      needs.every((need) => permissions.includes(need)) &&
      holds(when)
    );
  }

  function allowsSubject(subjects: RuleInFile["subjects"]): boolean {
    if (subjects === undefined || subjects === "any") return true;
    const { subject: asked } = question;
    if (asked === undefined) return false;
    return subjects.some((one) =>
      typeof one === "object" ? asked.startsWith(one.prefix) : asked === (one === "self" ? caller.name : one),
    );
  }

  function allowsTtl(maxTtl: string | undefined): boolean {
    if (maxTtl === undefined || profile === undefined || !SHIPPED.has(profile)) return true;
    const longest = { "0s": 0, "1s": 1, "60s": 60, "15m": 900, "1h": 3600 }[maxTtl] ?? 0;
    if (profile === "euler-stream")
      return (
        Number(typeof question.claims?.expireAfter === "number" ? question.claims.expireAfter : Number.NaN) <= longest
      );
    const preset = profile === "service" ? SHIPPED.get("service")?.lifetime.default : undefined;
    const asked = question.ttlSeconds ?? preset;
    return asked !== undefined && asked <= longest;
  }

  function holds(when: string | undefined): boolean {
    if (when === undefined) return true;
    if (when.startsWith("caller")) return caller.name === "dns:a";
    return when.startsWith("has") ? tenant !== undefined : question.claims?.x === true;
  }
}

function isIn(list: RuleInFile["profiles"], value: string | undefined): boolean {
  return list === undefined || list === "any" || (value !== undefined && list.includes(value));
}

const anyCaller = oneOf(...CALLERS, "dns:c").map((name) => callerOf(name));

function seed(t: ExecutionContext): number {
  const value = Number(process.env.TEST_SEED ?? randomInt(2 ** 31));
  t.log(`seed ${value}`);
  return value;
}

test("a decision by look-up is the one by reading the rules, and so is its explanation", (t) => {
  const property = fc.property(
    anyGroups,
    anyCaller,
    fc.array(anyQuestion, { minLength: 1 }),
    (groups, caller, questions) => {
      const policy = compile(groups);
      for (const question of questions) {
        const { allowed } = policy.decide(caller, question);
        t.is(allowed, isAllowed(groups, caller, question));
        t.is(
          allowed,
          policy.explain(caller, question).some(({ denials }) => denials.length === 0),
        );
      }
    },
  );
  fc.assert(property, { numRuns: 1000, seed: seed(t) });
});

test("a caller who is denied because of the profile can't tell whether it exists", (t) => {
  const property = fc.property(anyGroups, anyCaller, anyQuestion, (groups, caller, question) => {
    const policy = compile(groups);
    const decision = policy.decide(caller, question);
    if (decision.allowed || decision.because !== "profile") return;
    t.deepEqual(policy.decide(caller, { ...question, profile: "does-not-exist" }), decision);
  });
  fc.assert(property, { numRuns: 500, seed: seed(t) });
});

for (const key of ["profiles", "tenants", "audiences", "subjects", "max_ttl", "when"] as const)
  test(`negative control: an oracle that ignores ${key} is found to differ`, (t) => {
    const property = fc.property(
      anyGroups,
      anyCaller,
      fc.array(anyQuestion, { minLength: 50, maxLength: 50 }),
      (groups, caller, questions) => {
        const policy = compile(groups);
        return questions.every(
          (question) => policy.decide(caller, question).allowed === isAllowed(groups, caller, question, key),
        );
      },
    );
    t.true(fc.check(property, { numRuns: 1000, seed: seed(t) }).failed);
  });
