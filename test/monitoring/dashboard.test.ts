import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ServiceError, status } from "@grpc/grpc-js";
import test from "ava";
import { HANGS_MS } from "../support/bounded.ts";
import { tempFolder } from "../support/files/temp.ts";
import { type Panel, readDashboard, substituted } from "../support/monitoring/dashboard.ts";
import { declaredMetrics } from "../support/monitoring/declared-metrics.ts";
import { createRounds, observedReplicas } from "../support/monitoring/observed-replicas.ts";
import { type Prometheus, startPrometheus } from "../support/monitoring/prometheus.ts";
import { unknownNames } from "../support/monitoring/promql.ts";
import { readAlerts } from "../support/monitoring/rules.ts";
import { startNats } from "../support/nats/nats-server.ts";
import { issue, startService } from "../support/service/service.ts";
import { testWithTools } from "../support/service/with-tools.ts";
import { tlsFiles } from "../support/tls/tls-files.ts";
import { startCollector } from "../support/traces/collector.ts";
import { recordsAll } from "../support/traces/traced-calls.ts";
import { waitUntil } from "../support/wait-until.ts";

/** An account with a limit, so that the time left is known. */
const LIMITED = `accounts { A { jetstream: { max_file: 1GB }, users: [{ user: a, password: a }] } }
no_auth_user: a
`;

const DASHBOARD = readDashboard();
const GRAPHS = DASHBOARD.panels.filter(({ type }) => type !== "row");
const QUERIES = GRAPHS.flatMap(({ title, targets = [] }) => targets.map((target) => ({ title, ...target })));

test("panels have ids of their own, fill the grid without overlapping, and begin with a row", (t) => {
  const ids = DASHBOARD.panels.map(({ id }) => id);
  t.is(new Set(ids).size, ids.length);
  t.is(DASHBOARD.panels[0]?.type, "row");
  t.deepEqual(overlaps(DASHBOARD.panels), []);
  for (const { title, gridPos } of DASHBOARD.panels) t.true(gridPos.x >= 0 && gridPos.x + gridPos.w <= 24, title);
});

test("two panels in one place are found", (t) => {
  const [, one, other] = DASHBOARD.panels;
  if (one === undefined || other === undefined) return t.fail();
  t.deepEqual(overlaps([one, { ...other, gridPos: one.gridPos }]), [`${one.title} and ${other.title}`]);
});

test("each panel has a unit, a description and the chosen data source, and its queries names of their own", (t) => {
  for (const { title, description, fieldConfig, datasource, targets = [] } of GRAPHS) {
    t.regex(description ?? "", /\.$/, title);
    t.truthy(fieldConfig?.defaults.unit, title);
    t.deepEqual(datasource, { type: "prometheus", uid: `\${datasource}` }, title);
    t.true(targets.length > 0, title);
    t.is(new Set(targets.map(({ refId }) => refId)).size, targets.length, title);
  }
  t.is(new Set(DASHBOARD.panels.map(({ title }) => title)).size, DASHBOARD.panels.length);
});

test("job and replica can be selected, and each query obeys", (t) => {
  t.deepEqual(
    DASHBOARD.templating.list.map(({ name, type }) => `${name} ${type}`),
    ["datasource datasource", "job query", "instance query"],
  );
  for (const { title, expr } of QUERIES) t.true(expr.includes('{job=~"$job", instance=~"$instance"'), title);
});

test("every metric and label of the dashboard is one of the service", async (t) => {
  const declared = await declaredMetrics();
  for (const { title, expr } of QUERIES) t.deepEqual(unknownNames(expr, declared), [], title);
});

test("each metric of the service itself is in a panel or in an alert", async (t) => {
  const used = [...QUERIES, ...readAlerts()].map(({ expr }) => expr).join("\n");
  const own = [...(await declaredMetrics()).keys()].filter((name) => /^(?:signet|rpc)_/.test(name));
  t.deepEqual(
    own.filter((name) => !new RegExp(`\\b${name}(?:_count|_sum|_bucket)?\\b`).test(used)),
    [],
  );
});

testWithTools(["prometheus"], "every query of the dashboard has data of a loaded service", async (t, path) => {
  const limited = join(await tempFolder(t), "limited.conf");
  await writeFile(limited, LIMITED);
  const nats = await startNats(t, { flags: ["-c", limited] });
  const replicas = await observedReplicas(t, nats);
  const { cert, key } = await tlsFiles(t);
  const tls = { SIGNET_HTTP_TLS_CERT: cert, SIGNET_HTTP_TLS_KEY: key, SIGNET_HTTP_INTERNAL_ADDRESS: "127.0.0.1:0" };
  const single = await startService(t, { env: { ...tls, ...recordsAll(await startCollector(t)) } });
  const targets = [...replicas.map(({ app }) => app.addresses.http), single.app.addresses.internal ?? ""];
  const prometheus = await startPrometheus(t, path, targets);
  const rounds = replicas.map((replica) => createRounds(t, replica));

  let missing = QUERIES;
  const makesData = async () => {
    await Promise.all([issue(single), ...rounds.map((round) => round())]).catch((error: ServiceError) => {
      // What a busy machine has not done in time is called again.
      if (error.code !== status.UNAVAILABLE) throw error;
    });
    const answered = await Promise.all(missing.map((query) => hasData(prometheus, query)));
    missing = missing.filter((_, at) => !answered[at]);
    return missing.length === 0;
  };
  // The first checkpoint alone may take a minute.
  await waitUntil("every query has data", makesData, 3 * HANGS_MS).catch((error) => {
    for (const { title, expr } of missing) t.log(`${title}: ${expr}`);
    throw error;
  });
  t.deepEqual(await prometheus.query(substituted('signet_tokens_total{job=~"$job"}')), [], "a name that is wrong");
  await waitUntil("all rules are evaluated", async () => (await prometheus.ruleErrors()) !== undefined);
  t.deepEqual(await prometheus.ruleErrors(), []);
  t.deepEqual(await prometheus.query('ALERTS{severity="critical"}'), [], "nothing is wrong with the service");
});

/** Whether a query has a number, and each label that its legend names. */
async function hasData(prometheus: Prometheus, { expr, legendFormat }: (typeof QUERIES)[number]): Promise<boolean> {
  const series = await prometheus.query(substituted(expr));
  const named = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = ""]) => label);
  const isNamed = named.every((label) => series.some(({ labels }) => labels[label] !== undefined));
  return isNamed && series.some(({ value }) => !Number.isNaN(value));
}

function overlaps(panels: readonly Panel[]): string[] {
  return panels.flatMap((one, at) =>
    panels
      .slice(at + 1)
      .filter(({ gridPos: { x, y, w, h } }) => {
        const { gridPos: mine } = one;
        return x < mine.x + mine.w && mine.x < x + w && y < mine.y + mine.h && mine.y < y + h;
      })
      .map(({ title }) => `${one.title} and ${title}`),
  );
}
