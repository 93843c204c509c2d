import { join } from "node:path";
import { parseCallerName } from "../../../src/access/caller-name.ts";
import { compilePolicy } from "../../../src/access/compile.ts";
import type { Policy } from "../../../src/access/policy.ts";
import { parsePolicy } from "../../../src/access/policy-file.ts";
import { METHODS, PERMISSIONS } from "../../../src/access/question.ts";
import type { Caller } from "../../../src/caller.ts";
import { loadConfig } from "../../../src/config/load.ts";
import type { Profile } from "../../../src/profile/model/profile.ts";
import { type Fault, formatFault } from "../../../src/schema/fault.ts";
import { filesIn } from "../files/config-files.ts";
import type { Ending } from "../service/shared.ts";

/** The profiles that ship. */
export const SHIPPED: ReadonlyMap<string, Profile> = loadConfig({ env: {} }).profiles;

/** The aliases of the issuers that these policies may name. */
const ISSUERS = new Set(["k8s", "cluster"]);
const ANY_DOMAIN: ReadonlySet<string> = new Set();

/** Compiles the text of a policy. Throws if it has faults. */
export function policyOf(text: string, profiles = SHIPPED): Policy {
  const policy = compile(text, profiles);
  if (Array.isArray(policy)) throw new Error(policy.map(formatFault).join("\n"));
  return policy;
}

/** The faults of a policy's text as they are printed, with FILE for its name. */
export function policyFaults(text: string, profiles = SHIPPED, trustDomains = ANY_DOMAIN): string[] {
  const policy = compile(text, profiles, trustDomains);
  return Array.isArray(policy) ? policy.map(formatFault) : [];
}

/** A policy with one group, of the caller dns:orders.example.org, that has these rules. */
export function withRules(...rules: readonly string[]): string {
  return `groups:
  orders:
    callers: [dns:orders.example.org]
    rules:
${rules.map((rule) => `      - ${rule}\n`).join("")}`;
}

/**
 * The file of a policy that lets these callers do everything, but issue under no other profiles than these. `rules` are
 * more of them.
 */
export async function openPolicy(
  t: Ending,
  callers: readonly string[],
  profiles: readonly string[] = ["service"],
  ...rules: readonly string[]
): Promise<string> {
  const others = METHODS.filter((method) => method !== "IssueToken");
  const text = withRules(
    `{ methods: [IssueToken], profiles: [${profiles}], subjects: any }`,
    `{ methods: [${others}], profiles: any, permissions: [${PERMISSIONS}] }`,
    ...rules,
  );
  const named = text.replace("[dns:orders.example.org]", JSON.stringify(callers));
  return join(await filesIn(t, { "policy.yaml": named }), "policy.yaml");
}

/** A caller of this name, as it usually proves it. */
export function callerOf(name: string, more: Partial<Caller> = {}): Caller {
  return { name, proof: parseCallerName(name)?.proof ?? "loopback", address: "192.0.2.7", ...more };
}

export const ORDERS = callerOf("dns:orders.example.org");

function compile(text: string, profiles: ReadonlyMap<string, Profile>, trustDomains = ANY_DOMAIN): Policy | Fault[] {
  const file = parsePolicy(text, "FILE");
  return Array.isArray(file) ? file : compilePolicy(file, { profiles, issuers: ISSUERS, trustDomains });
}
