import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

/** The folder with the rules, their tests and the dashboard. */
export const MONITORING = join(import.meta.dirname, "..", "..", "..", "deploy", "monitoring");

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<"summary" | "description" | "runbook_url", string>>;
}

/** What this file reads of a file of unit tests of promtool. */
export interface RuleTests {
  readonly rule_files: readonly string[];
  readonly tests: readonly {
    readonly name: string;
    readonly promql_expr_test: readonly { readonly exp_samples: readonly { readonly labels: string }[] }[];
  }[];
}

export function readAlerts(): readonly AlertRule[] {
  return alertsIn(readText("alerts.yaml"));
}

/** The alerts of a file of rules. */
export function alertsIn(text: string): readonly AlertRule[] {
  const { groups } = parse(text) as { groups: { rules: AlertRule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

export function readRuleTests(): RuleTests {
  return parse(readText("alerts.test.yaml")) as RuleTests;
}

function readText(name: string): string {
  return readFileSync(join(MONITORING, name), "utf8");
}
