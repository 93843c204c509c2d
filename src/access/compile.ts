import { createCelCompiler } from "../profile/cel/cel.ts";
import { fileDigest } from "../profile/compile/compile.ts";
import type { Profile } from "../profile/model/profile.ts";
import { createFaults, type Fault, type Faults, type Path } from "../schema/fault.ts";
import { pathText } from "../schema/path-text.ts";
import { CALLER_NAME_FORMS, parseCallerName } from "./caller-name.ts";
import { checkRule } from "./check-rule.ts";
import { denialText, UNKNOWN_CALLER } from "./explanation.ts";
import { limitsByCaller } from "./limits/caller-limits.ts";
import { createPolicy, type Policy } from "./policy.ts";
import type { PolicyFile } from "./policy-file.ts";
import { covers, type OwnedRule, ownedRule } from "./redundant.ts";
import { compileRule, type Rule } from "./rule.ts";
import { callOf, sampleFaults } from "./sample-call.ts";
import { parseSpiffeId } from "./spiffe-id.ts";

/** Each is compared with each other one. */
const MAX_RULES = 1000;

interface PlacedRule extends OwnedRule {
  readonly path: Path;
}

/** What a policy is checked against. */
export interface Surroundings {
  /** Those that are served. */
  readonly profiles: ReadonlyMap<string, Profile>;
  /** The aliases of the issuers whose tokens prove callers. */
  readonly issuers: ReadonlySet<string>;
  /** The SPIFFE trust domains whose names can be proven. Empty: not known yet, and every one may stand in a policy. */
  readonly trustDomains: ReadonlySet<string>;
}

/**
 * Compiles a policy for its surroundings, and runs its tests. Returns all faults of its rules or, when
 * there are none, a fault for each test that fails.
 */
export function compilePolicy(file: PolicyFile, surroundings: Surroundings): Policy | Fault[] {
  const { profiles } = surroundings;
  const faults = createFaults(file.faultAt);
  const placed = rulesIn(file);
  if (placed.length > MAX_RULES) return [file.faultAt(["groups"], `must have at most ${MAX_RULES} rules in all`)];
  checkCallers(file, surroundings, faults);
  for (const { rule, path } of placed) checkRule(rule, path, profiles, faults);
  checkRedundant(placed, faults);
  const context = { profiles, compileCel: createCelCompiler(new Map()), faults };
  const rules = placed.map(({ rule, path }): Rule => compileRule(rule, path, file.faultAt(path, "").line, context));
  if (faults.found.length > 0) return faults.found;
  const callers = new Map(Object.entries(file.groups).map(([group, { callers: names }]) => [group, names]));
  const { text, tests } = file;
  const limitsOf = limitsByCaller(Object.values(file.groups));
  const source = { file: file.file, text, digest: fileDigest(text), tests: tests.length, limitsOf };
  const policy = createPolicy(source, rules, callers);
  runTests(file, policy, profiles, faults);
  return faults.found.length > 0 ? faults.found : policy;
}

function rulesIn({ groups }: PolicyFile): PlacedRule[] {
  return Object.entries(groups).flatMap(([group, { callers, rules }]) => {
    const names = new Set(callers);
    return rules.map((rule, index) => ({ ...ownedRule(rule, names), path: ["groups", group, "rules", index] }));
  });
}

/** A caller that nothing can prove is a mistake, as a rule is that can never apply. */
function checkCallers({ groups }: PolicyFile, surroundings: Surroundings, faults: Faults): void {
  for (const [group, { callers }] of Object.entries(groups))
    callers.forEach((name, index) => {
      const fault = callerFault(name, surroundings);
      if (fault !== undefined) faults.add(["groups", group, "callers", index], fault);
    });
}

function callerFault(name: string, { profiles, issuers, trustDomains }: Surroundings): string | undefined {
  const { proof, issuer = "" } = parseCallerName(name) ?? {};
  if (proof === undefined) return CALLER_NAME_FORMS;
  if (proof === "jwt" && !issuers.has(issuer)) return `names the alias ${issuer}, which is not in callers.issuers`;
  if (proof === "signet" && profiles.get(issuer)?.credential === undefined)
    return `names ${issuer}, which is not a profile with \`credential: true\``;
  const { trustDomain } = parseSpiffeId(name) ?? {};
  if (trustDomain !== undefined && trustDomains.size > 0 && !trustDomains.has(trustDomain))
    return `is of the trust domain ${trustDomain}, which is not in callers.trust_domains, nor that of callers.jwt_svid`;
  return undefined;
}

/** A rule that allows nothing of its own is a mistake: who tightens the other one would believe that it counts. */
function checkRedundant(placed: readonly PlacedRule[], faults: Faults): void {
  placed.forEach((narrow, index) => {
    const wide = placed.find(
      (other, at) => at !== index && covers(other, narrow) && (at < index || !covers(narrow, other)),
    );
    if (wide !== undefined) faults.add(narrow.path, `allows nothing that ${pathText(wide.path)} does not allow`);
  });
}

function runTests({ tests }: PolicyFile, policy: Policy, profiles: ReadonlyMap<string, Profile>, faults: Faults): void {
  tests.forEach((test, index) => {
    const wrong = sampleFaults(test, profiles);
    for (const { key, message } of wrong) faults.add(["tests", index, key], message);
    if (wrong.length > 0) return;
    const { caller, question } = callOf(test);
    const decision = policy.decide(caller, question);
    if (decision.allowed === (test.expect === "allow")) return;
    const denials = () => policy.explain(caller, question).map(denialText).join("; ");
    const why = decision.allowed
      ? `is allowed, by ${decision.rule.place}`
      : `is denied: ${denials() || UNKNOWN_CALLER}`;
    faults.add(["tests", index], why);
  });
}
