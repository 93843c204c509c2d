import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { ALARMS } from "../../src/app/log.ts";
import { readPage, tableRows } from "../docs/pages.ts";
import { tempFolder } from "../support/files/temp.ts";
import { declaredMetrics } from "../support/monitoring/declared-metrics.ts";
import { unknownNames } from "../support/monitoring/promql.ts";
import { alertsIn, MONITORING, readAlerts, readRuleTests } from "../support/monitoring/rules.ts";
import { testWithTools } from "../support/service/with-tools.ts";

const ALERTS = readAlerts();
const RULE_TESTS = readRuleTests();
const CHECKOUT = join(MONITORING, "../..");

testWithTools(["promtool"], "each alert fires, and does not in a near miss", async (t, promtool) => {
  const run = (...words: string[]) => spawnSync(promtool, words, { cwd: MONITORING, encoding: "utf8" });
  const checked = run("check", "rules", "alerts.yaml");
  t.is(checked.status, 0, checked.stderr);
  const tested = run("test", "rules", "alerts.test.yaml");
  t.is(tested.status, 0, tested.stdout + tested.stderr);
});

testWithTools(["promtool"], "a rule that lacks its near miss is found by the tests", async (t, promtool) => {
  const folder = await tempFolder(t);
  await copyFile(join(MONITORING, "alerts.yaml"), join(folder, "alerts.yaml"));
  const [one] = RULE_TESTS.tests.filter(({ name }) => name === "SignetOverloaded");
  const statusWith = async (tested: unknown) => {
    await writeFile(join(folder, "one.yaml"), JSON.stringify({ ...RULE_TESTS, tests: [tested] }));
    return spawnSync(promtool, ["test", "rules", "one.yaml"], { cwd: folder }).status;
  };
  t.is(await statusWith(one), 0);
  const crossed = JSON.parse(JSON.stringify(one).replace('"0.2x20"', '"0.21x20"'));
  t.notDeepEqual(crossed, one);
  t.is(await statusWith(crossed), 1);
});

test("each alert has a unit test in which it fires, and a time at which it does not", (t) => {
  t.deepEqual(
    RULE_TESTS.tests.map(({ name }) => name),
    ALERTS.map(({ alert }) => alert),
  );
  for (const { name, promql_expr_test: checks } of RULE_TESTS.tests) {
    const fires = checks.map(({ exp_samples: samples }) =>
      samples.some(({ labels }) => labels.includes(`alertname="${name}"`)),
    );
    t.deepEqual(fires, [false, true], name);
  }
});

test("docs/runbook.md has a heading for each alert, in the order of the rules, and no other", (t) => {
  const headings = [...readPage("docs/runbook.md").matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);
  t.deepEqual(
    headings,
    ALERTS.map(({ alert }) => alert),
  );
  for (const { alert, annotations } of ALERTS)
    t.is(annotations.runbook_url, `docs/runbook.md#${alert.toLowerCase()}`, alert);
});

test("the line of docs/monitoring.md leads every alert to another copy of the runbook", (t) => {
  const [, line = ""] = /^(sed .*) >alerts\.yaml$/m.exec(readPage("docs/monitoring.md")) ?? [];
  const { stdout } = spawnSync("sh", ["-c", line], { cwd: CHECKOUT, encoding: "utf8" });
  t.deepEqual(
    alertsIn(stdout).map(({ annotations }) => annotations.runbook_url),
    ALERTS.map(({ alert }) => `https://wiki.example/signet/runbook#${alert.toLowerCase()}`),
  );
});

test("the runbook says of each alert what it means, what to look at, and what to do", (t) => {
  for (const part of readPage("docs/runbook.md").split("\n## ").slice(1))
    t.regex(part, /^\w+\n\n[A-Z].*\n\n\*\*Look at:\*\* .*\n\n\*\*Do:\*\* .*$/s);
});

test("each alert has a severity, a summary and a description, with labels that it has", (t) => {
  for (const { alert, labels, annotations } of ALERTS) {
    t.true(["critical", "warning"].includes(labels.severity ?? ""), alert);
    t.deepEqual(Object.keys(annotations), ["summary", "description", "runbook_url"], alert);
    const fired = JSON.stringify(RULE_TESTS.tests.find(({ name }) => name === alert));
    for (const [, label] of JSON.stringify(annotations).matchAll(/\$labels\.(\w+)/g))
      t.regex(fired, new RegExp(`alertname=\\\\"${alert}\\\\"[^}]*\\b${label}=`), `${alert}: ${label}`);
  }
});

test("every metric, label and log event of the rules is one of the service", async (t) => {
  const declared = await declaredMetrics();
  for (const { alert, expr } of ALERTS) {
    t.deepEqual(unknownNames(expr, declared), [], alert);
    const events = [...expr.matchAll(/event=~?"([^"]*)"/g)].flatMap(([, list = ""]) => list.split("|"));
    for (const event of events) t.true((ALARMS as readonly string[]).includes(event), `${alert}: ${event}`);
  }
  const watched = new Set(ALERTS.flatMap(({ expr }) => ALARMS.filter((event) => expr.includes(event))));
  t.deepEqual([...watched].toSorted(), ALARMS.toSorted());
});

test("docs/monitoring.md has each log event that a rule watches or the runbook names, and all of them exist", (t) => {
  const documented = dottedWords(
    tableRows(readPage("docs/monitoring.md"), "## Log events")
      .map(([cell]) => cell)
      .join(),
  );
  const source = globSync("src/**/*.ts", { cwd: CHECKOUT }).map((path) => readFileSync(join(CHECKOUT, path), "utf8"));
  const inSource = [...source.join("\n").matchAll(/"(\w+\.\w+)"/g)].map(([, word = ""]) => word);
  t.deepEqual(without(documented, inSource), []);
  t.deepEqual(without(ALARMS, documented), []);
  const elsewhere = dottedWords(readPage("docs/configuration.md") + readPage("docs/audit-events.md"));
  t.deepEqual(without(dottedWords(readPage("docs/runbook.md")), [...documented, ...elsewhere]), []);
  t.true(documented.length > 50);
});

/** The words between backticks that are two with a dot between them: names of log events, audit events and keys. */
function dottedWords(text: string): string[] {
  return [...text.matchAll(/`(\w+\.\w+)`/g)].map(([, word = ""]) => word);
}

function without(words: readonly string[], known: readonly string[]): string[] {
  const all = new Set(known);
  return words.filter((word) => !all.has(word));
}

test("a name that no metric has, and a label that a metric lacks, are found", async (t) => {
  const declared = await declaredMetrics();
  t.deepEqual(unknownNames("rate(signet_tokens_total[5m])", declared), ["signet_tokens_total"]);
  t.deepEqual(unknownNames('signet_obstacles{kind="a", place="b"}', declared), ["signet_obstacles{place}"]);
  t.deepEqual(unknownNames("sum by (job, place) (signet_obstacles)", declared), ["place"]);
  t.deepEqual(unknownNames("rpc_server_call_duration_seconds", declared), ["rpc_server_call_duration_seconds"]);
});
