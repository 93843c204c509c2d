import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as core from "@opentelemetry/core";
import * as sdk from "@opentelemetry/sdk-trace";
import test from "ava";
import { SpanQueue } from "../../src/otel/queue.ts";
import { tempFolder } from "../support/files/temp.ts";
import { freePort } from "../support/service/free-port.ts";
import { get } from "../support/service/get.ts";
import { startRemote, untilLogged } from "../support/service/remote-service.ts";
import { issue, startService } from "../support/service/service.ts";
import { refusedStart } from "../support/service/service-process.ts";
import { clientCertificate, createAuthority, serverCertificate, writeIssued } from "../support/tls/certificates.ts";
import { startCollector } from "../support/traces/collector.ts";
import { recordsAll } from "../support/traces/traced-calls.ts";
import { waitUntil } from "../support/wait-until.ts";

async function figureOf({ url }: { readonly url: string }, result: string): Promise<number> {
  const text = await (await get(`${url}/metrics`)).text();
  return Number(new RegExp(`^signet_trace_spans_total\\{result="${result}"\\} (\\d+)$`, "m").exec(text)?.[1]);
}

test("a collector that refuses spans costs spans alone: they are counted, and the log says why", async (t) => {
  const collector = await startCollector(t, (answer) => void answer.writeHead(400, "no such tenant").end());
  const service = await startRemote(t, { env: recordsAll(collector) });
  t.not((await issue(service)).token, "");
  await untilLogged(service, (log) => log.some(({ event }) => event === "traces.lost"));
  t.like(
    service.process.log.find(({ event }) => event === "traces.lost"),
    { level: "warn", message: "no such tenant" },
  );
  t.is(await figureOf(service, "failed"), 3);
  t.is(await figureOf(service, "exported"), 0);
  t.is(await service.process.stop(), 0);
});

test("spans that were exported are counted", async (t) => {
  const collector = await startCollector(t);
  const service = await startService(t, { env: recordsAll(collector) });
  await issue(service);
  await waitUntil("they are exported", async () => (await figureOf(service, "exported")) === 3);
  t.is(await figureOf(service, "failed"), 0);
});

test("a collector that never answers, or is not there, holds up neither a call nor the stop", async (t) => {
  const silent = await startCollector(t, () => undefined);
  const absent = { endpoint: `http://127.0.0.1:${await freePort()}/v1/traces` };
  for (const collector of [silent, absent]) {
    const service = await startRemote(t, { env: { ...recordsAll(collector), SIGNET_SHUTDOWN_GRACE: "1s" } });
    for (let count = 0; count < 20; count += 1) t.not((await issue(service)).token, "");
    t.is(await service.process.stop(), 0);
    t.is(service.process.log.at(-1)?.event, "stopped");
    t.false(service.process.log.some(({ event }) => event === "stop.failed"));
    t.true(service.process.log.some(({ event }) => event === "traces.lost"));
  }
});

test("a span that finds the queue full is dropped and counted, and the queue takes more when it has room", async (t) => {
  const held: sdk.ReadableSpan[][] = [];
  const releases: (() => void)[] = [];
  const lost: string[] = [];
  const exporter: sdk.SpanExporter = {
    export(spans, done) {
      held.push(spans);
      releases.push(() => done({ code: core.ExportResultCode.SUCCESS }));
    },
    shutdown: async () => undefined,
  };
  const queue = new SpanQueue(exporter, { sdk, core }, (message) => lost.push(message));
  const provider = new sdk.TracerProvider({ spanProcessors: [queue], sampler: new sdk.AlwaysOnSampler() });
  const tracer = provider.getTracer("test");
  const make = (count: number) => {
    for (let made = 0; made < count; made += 1) tracer.startSpan("span").end();
  };
  make(256 + 2048 + 100);
  t.is(held.length, 1, "one export at a time");
  t.is(queue.dropped, 100);
  t.deepEqual([...new Set(lost)], ["the queue of 2048 spans is full"]);
  releases.shift()?.();
  await waitUntil("the next export", () => held.length === 2);
  make(256);
  t.is(queue.dropped, 100, "there was room for as many as were exported");
  const flushed = queue.shutdown();
  await waitUntil("all exports", () => held.flat().length === 256 + 2048 + 256);
  for (const release of releases) release();
  await flushed;
  t.is(queue.exported, 256 + 2048 + 256);
});

test("a failed export always has a reason, also where its error has no text", async (t) => {
  // As of a name with several addresses, none of which answers, and of an answer without a reason phrase.
  const textless = (code: string | number) => ({ error: Object.assign(new Error("replaced"), { message: "", code }) });
  const results = [textless("ECONNREFUSED"), textless(404), { error: new Error("no such tenant") }, {}];
  const lost: string[] = [];
  const exporter: sdk.SpanExporter = {
    export: (_, done) => done({ code: core.ExportResultCode.FAILED, ...results[lost.length] }),
    shutdown: async () => undefined,
  };
  const queue = new SpanQueue(exporter, { sdk, core }, (message) => lost.push(message));
  const provider = new sdk.TracerProvider({ spanProcessors: [queue], sampler: new sdk.AlwaysOnSampler() });
  for (const _ of results) {
    provider.getTracer("test").startSpan("span").end();
    await queue.forceFlush().catch(() => undefined);
  }
  t.deepEqual(lost, [
    "the export failed: ECONNREFUSED",
    "the export failed: 404",
    "no such tenant",
    "the export failed",
  ]);
  t.is(queue.failed, results.length);
});

test("headers come from a file, which is read again, and are in no log", async (t) => {
  const collector = await startCollector(t);
  const file = join(await tempFolder(t), "headers");
  const write = (secret: string) =>
    writeFile(file, `Authorization: Bearer ${secret}\nX-Scope-OrgID: tenant\n`, { mode: 0o600 });
  await write("first-7c1d2e");
  const service = await startRemote(t, { env: { ...recordsAll(collector), SIGNET_TRACES_HEADERS_FILE: file } });
  const sent = (secret: string) => () =>
    collector.requests.some(({ headers }) => headers.authorization === `Bearer ${secret}`);
  await issue(service);
  await waitUntil("the first header", sent("first-7c1d2e"));
  t.is(collector.requests[0]?.headers["x-scope-orgid"], "tenant");
  await write("second-9f0a3b");
  await issue(service);
  await waitUntil("the second header", sent("second-9f0a3b"));
  t.is(await service.process.stop(), 0);
  t.notRegex(JSON.stringify(service.process.log), /7c1d2e|9f0a3b/);
});

test("headers that are malformed, or open to others, end the start, and no text repeats them", async (t) => {
  const collector = await startCollector(t);
  const folder = await tempFolder(t);
  const file = join(folder, "headers");
  const env = { ...recordsAll(collector), SIGNET_TRACES_HEADERS_FILE: file };
  const refusals: readonly (readonly [content: string, mode: number, rule: RegExp])[] = [
    ["a: b\nBearer secret-41", 0o600, /line 2 must be NAME: VALUE, in ASCII/],
    ["a: secret-41\u00e9", 0o600, /line 1 must be NAME: VALUE, in ASCII/],
    ["a: secret-41", 0o644, /traces\.headers_file .*headers/],
  ];
  for (const [content, mode, rule] of refusals) {
    await writeFile(file, content, { mode });
    await chmod(file, mode);
    const { code, text } = await refusedStart(t, { data: join(folder, "data"), env });
    t.is(code, 78);
    t.regex(text, rule);
    t.notRegex(text, /secret-41/);
  }
});

test("a collector is trusted by the CAs of the file and by no others, and gets the certificate of this client", async (t) => {
  const authority = await createAuthority();
  const tls = { ...(await serverCertificate(authority)), ca: authority.cert, requestCert: true };
  const collector = await startCollector(t, undefined, tls);
  const folder = await tempFolder(t);
  const [right, other] = [join(folder, "right.pem"), join(folder, "other.pem")];
  await writeFile(right, authority.cert);
  await writeFile(other, (await createAuthority("Other CA")).cert);
  const { cert, key } = await writeIssued(folder, "client", await clientCertificate(authority));
  const client = { SIGNET_TRACES_CERT_FILE: cert, SIGNET_TRACES_KEY_FILE: key };
  const outcomes: readonly (readonly [result: string, env: Record<string, string>])[] = [
    ["exported", { SIGNET_TRACES_CA_FILE: right, ...client }],
    ["failed", { SIGNET_TRACES_CA_FILE: other, ...client }],
    ["failed", { SIGNET_TRACES_CA_FILE: right }],
  ];
  await Promise.all(
    outcomes.map(async ([result, env]) => {
      const service = await startService(t, { env: { ...recordsAll(collector), ...env } });
      await issue(service);
      await waitUntil(`they are ${result}`, async () => (await figureOf(service, result)) === 3);
    }),
  );
  t.is(collector.spans.length, 3);
});

test("a client certificate with the key of another ends the start", async (t) => {
  const authority = await createAuthority();
  const folder = await tempFolder(t);
  const { cert } = await writeIssued(folder, "client", await clientCertificate(authority));
  const { key } = await writeIssued(folder, "other", await clientCertificate(authority));
  const env = { ...recordsAll({ endpoint: "https://collector/v1/traces" }), SIGNET_TRACES_CERT_FILE: cert };
  const { code, text } = await refusedStart(t, {
    data: join(folder, "data"),
    env: { ...env, SIGNET_TRACES_KEY_FILE: key },
  });
  t.is(code, 78);
  t.regex(text, /traces\.key_file .*other\.key is not the private key of traces\.cert_file .*client\.crt/);
});
