import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test, { type ExecutionContext } from "ava";
import { IssueTokenRequest } from "../../src/gen/signet/v1/token.ts";
import { tempFolder } from "../support/files/temp.ts";
import { startRemote } from "../support/service/remote-service.ts";
import { refusedStart } from "../support/service/service-process.ts";
import { startCollector } from "../support/traces/collector.ts";
import { callWith, recordsAll, SAMPLED } from "../support/traces/traced-calls.ts";

const LISTING = fileURLToPath(new URL("../support/traces/listing-service.ts", import.meta.url));
const BARE = fileURLToPath(new URL("../support/traces/bare-service.ts", import.meta.url));
const REQUEST = IssueTokenRequest.fromPartial({ profile: "service", subject: "alice", audience: ["api"] });

/** The packages that a service has loaded which has served a call that its caller records. */
async function loadedBy(t: ExecutionContext, env: Record<string, string>): Promise<readonly string[]> {
  const list = join(await tempFolder(t), "loaded.json");
  const service = await startRemote(t, { program: LISTING, env: { LOADED_PACKAGES: list, ...env } });
  await callWith(service.tokens.issueToken.bind(service.tokens), REQUEST, { traceparent: SAMPLED });
  t.is(await service.process.stop(), 0);
  return JSON.parse(await readFile(list, "utf8"));
}

test("without an endpoint nothing is exported, and no package of OpenTelemetry is loaded", async (t) => {
  const collector = await startCollector(t);
  t.deepEqual(await loadedBy(t, {}), []);
  const disabled = { OTEL_SDK_DISABLED: "true", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: collector.endpoint };
  t.deepEqual(await loadedBy(t, disabled), []);
  t.is(collector.requests.length, 0);
});

test("with an endpoint, here by the standard variable, spans are exported and packages loaded", async (t) => {
  const collector = await startCollector(t);
  const endpoint = collector.endpoint.replace("/v1/traces", "");
  const packages = await loadedBy(t, { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_SERVICE_NAME: "tokens" });
  t.true(packages.includes("@opentelemetry/sdk-trace"));
  t.true(collector.spans.length > 0);
  t.like(collector.spans[0]?.resource, { "service.name": "tokens" });
});

test("traces without their packages are a start that is refused, and says what to do", async (t) => {
  const collector = await startCollector(t);
  const { code, text } = await refusedStart(t, {
    data: await tempFolder(t),
    program: BARE,
    env: recordsAll(collector),
  });
  t.is(code, 78);
  t.regex(text, /optional packages of OpenTelemetry are not installed: run npm install/);
  const service = await startRemote(t, { program: BARE });
  t.is(await service.process.stop(), 0, "nobody else needs them");
});
