import test from "ava";
import { createMetrics } from "../../src/http/metrics/metrics.ts";

const OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT = "text/plain; version=0.0.4; charset=utf-8";

/** As Prometheus 2 and 3 send it. */
const PROMETHEUS_2 =
  "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75," +
  "text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
const PROMETHEUS_3 =
  "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;" +
  "q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

/** Metrics with a counter and a histogram that have samples. */
function filled() {
  const metrics = createMetrics({ version: "1", node: "24", ed25519: "OpenSSL" });
  metrics.call("signet.v1.TokenService/IssueToken", "OK", 0.7);
  metrics.issued("service");
  return metrics;
}

for (const [accept, format] of [
  ["", TEXT],
  ["*/*", TEXT],
  ["text/plain", TEXT],
  ["text/html,application/xhtml+xml,*/*;q=0.8", TEXT],
  ["application/openmetrics-text", OPEN_METRICS],
  ["Application/OpenMetrics-Text; Version=1.0.0; q=0.9, text/plain; q=0.9", OPEN_METRICS],
  [PROMETHEUS_2, OPEN_METRICS],
  [PROMETHEUS_3, OPEN_METRICS],
  ["application/openmetrics-text;version=0.0.1", TEXT],
  ["application/openmetrics-text;q=0", TEXT],
  ["application/openmetrics-text;q=0.4,text/plain;q=0.5", TEXT],
  ["application/openmetrics-text;q=many", TEXT],
] as const)
  test(`a scraper that accepts "${accept}" gets ${format.slice(0, format.indexOf(";"))}`, async (t) => {
    const { contentType, body } = await filled().render(accept);
    t.is(contentType, format);
    t.is(body.endsWith("\n# EOF\n"), format === OPEN_METRICS);
  });

test("OpenMetrics calls the family of a counter without _total, and has floats as bounds and no empty line", async (t) => {
  const { body } = await filled().render("application/openmetrics-text");
  t.true(body.includes("# TYPE signet_tokens_issued counter\nsignet_tokens_issued_total{"));
  t.true(body.includes('_bucket{le="1.0",'));
  t.true(body.includes('_bucket{le="0.5",'));
  t.true(body.includes('_bucket{le="+Inf",'));
  t.notRegex(body, /\n\n|le="\d+"/);
});

test("a scrape of OpenMetrics changes nothing for the scrapers of the text format", async (t) => {
  const metrics = filled();
  const named = async () => (await metrics.render()).body.match(/^# TYPE .*$/gm);
  const before = await named();
  await metrics.render("application/openmetrics-text");
  t.deepEqual(await named(), before);
  t.true(before?.includes("# TYPE signet_tokens_issued_total counter"));
});
