import { spawnSync } from "node:child_process";
import test from "ava";
import { createMetrics } from "../../src/http/metrics/metrics.ts";
import { codeOf, readPage, tableRows } from "../docs/pages.ts";
import { declaredMetrics } from "../support/monitoring/declared-metrics.ts";
import { testWithTools } from "../support/service/with-tools.ts";

const ROWS = tableRows(readPage("docs/monitoring.md"), "## Metrics");

test("docs/monitoring.md has each metric with its type and its labels, and no other", async (t) => {
  const declared = [...(await declaredMetrics())].map(([name, { type, labels }]) => [name, type, ...labels].join(" "));
  const documented = ROWS.map(([name, type, labels = ""]) => {
    const named = [...labels.matchAll(/`(\w+)`/g)].map(([, label = ""]) => label);
    return [codeOf(name), type, ...named.toSorted()].join(" ");
  });
  t.true(declared.length > 50);
  t.deepEqual(documented.toSorted(), declared.toSorted());
});

test("docs/monitoring.md has the unit that the name of each metric ends with", (t) => {
  for (const [name, type, , unit = ""] of ROWS) {
    const base = (codeOf(name) ?? "").replace(/_total$/, "");
    const expected = ["timestamp_seconds", "start_time_seconds"].some((end) => base.endsWith(end))
      ? "Unix seconds"
      : (/_(seconds|bytes)$/.exec(base)?.[1] ?? (/_info$/.test(base) ? "1" : unit));
    t.is(unit, expected, base);
    t.false(["", "seconds", "Unix seconds", "bytes"].includes(unit) && unit !== expected, base);
    t.is(type === "counter", /_total`$/.test(name ?? ""), `${base}: a counter ends with _total, and nothing else does`);
  }
});

testWithTools(
  ["promtool"],
  "promtool finds nothing wrong with the names and helps of the metrics",
  async (t, promtool) => {
    const { body } = await createMetrics({ version: "1", node: "24", ed25519: "OpenSSL" }).render();
    const check = (input: string) => spawnSync(promtool, ["check", "metrics"], { input, encoding: "utf8" });
    const { status, stderr, stdout } = check(body);
    t.deepEqual({ status, stderr, stdout }, { status: 0, stderr: "", stdout: "" });
    t.regex(check(body.replaceAll("process_cpu_seconds_total", "process_cpu_millis")).stderr, /_total/);
  },
);
