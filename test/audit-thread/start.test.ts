import { createSocket } from "node:dgram";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import type { AuditPipeline, AuditReport } from "../../src/audit/pipeline.ts";
import type { AuditSettings } from "../../src/audit-thread/messages.ts";
import { AUDIT_THREAD, startAuditThread } from "../../src/audit-thread/start.ts";
import { HANGS_MS } from "../support/bounded.ts";
import { bodiesOf, issued, makeSpool, numbersOf, TIME } from "../support/files/spool-fixture.ts";
import { tempFolder } from "../support/files/temp.ts";
import { readAuditStream, tokenIdsOf } from "../support/nats/audit-stream.ts";
import { chainFaults } from "../support/nats/audit-trail.ts";
import { openAccess } from "../support/nats/nats-access.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { accessWith, secretFile, startSecureNats } from "../support/nats/secure-nats.ts";
import { freePort } from "../support/service/free-port.ts";
import { waitUntil } from "../support/wait-until.ts";

const NAMED = new URL("./named-audit.ts", import.meta.url);
const TROUBLED = new URL("./troubled-audit.ts", import.meta.url);
/** Storage that is sound answers sooner, on a busy machine too. */
const SLOW_MS = 2_000;
/** What a thread that was stopped, or has died, leaves behind. */
const ENDED = "the audit log, which has ended";
const unavailable = { name: "AuditError", code: "UNAVAILABLE" };
const started = { type: "service.started", version: "1.0.0", configHash: "hash", acceptedLosses: [] } as const;
/** An issuance whose event has about `bytes`. */
const large = (bytes: number) => ({ ...issued(0), audience: ["a".repeat(bytes)] }) as ReturnType<typeof issued>;

interface Options extends Partial<AuditSettings> {
  readonly program?: URL;
  readonly answerMs?: number;
  readonly examineMs?: number;
}

async function startThread(t: ExecutionContext<unknown>, options: Options = {}) {
  const { program = AUDIT_THREAD, answerMs = HANGS_MS, examineMs = HANGS_MS, ...overrides } = options;
  const settings = {
    folder: await tempFolder(t),
    maxBytes: 1 << 24,
    installation: undefined,
    acceptLosses: [],
    nats: undefined,
    traced: false,
    ...overrides,
  };
  const reports: AuditReport[] = [];
  const deaths: unknown[] = [];
  const report = (one: AuditReport) => void reports.push(one);
  const side = await startAuditThread(settings, report, (error) => void deaths.push(error), program, {
    answerMs,
    examineMs,
  });
  await side.look();
  // What the test has ended itself, or made hang, is no fault here.
  t.teardown(() => side.stop(0).catch(() => undefined));
  const trouble = (kind: "hang" | "die" | "full") => join(settings.folder, kind);
  return { side, folder: settings.folder, reports, deaths, trouble };
}

const appendAll = (side: AuditPipeline, count: number) =>
  Promise.all(Array.from({ length: count }, (_, at) => side.append(issued(at), TIME)));

async function fill(side: AuditPipeline): Promise<never> {
  for (;;) await side.append(large(100_000), TIME);
}

test("what was appended is durable when it is answered, in its order", async (t) => {
  const { side, folder } = await startThread(t);
  await appendAll(side, 300);
  // A second spool reads what a process finds that starts after this one was killed.
  const numbers = numbersOf(await bodiesOf(await makeSpool(t, { folder })));
  t.deepEqual(
    numbers,
    Array.from({ length: 300 }, (_, at) => at),
  );
});

test("the depth is that of the thread's spool", async (t) => {
  const { side } = await startThread(t);
  await side.append(issued(1), TIME);
  await side.append(issued(2), TIME + 1);
  const { events, bytes, oldestTime } = await side.depth();
  t.deepEqual({ events, oldestTime }, { events: 2, oldestTime: TIME });
  t.true(bytes > 500);
});

test("an event that no log can store is TOO_LARGE, and the others of its batch are durable", async (t) => {
  const { side } = await startThread(t);
  const outcomes = await Promise.allSettled(
    [issued(1), large(200_000), issued(2)].map((one) => side.append(one, TIME)),
  );
  t.deepEqual(
    outcomes.map((outcome) =>
      outcome.status === "fulfilled" ? "durable" : [outcome.reason.name, outcome.reason.code],
    ),
    ["durable", ["AuditError", "TOO_LARGE"], "durable"],
  );
  t.is((await side.depth()).events, 2);
  t.is(side.obstacle, undefined);
});

test("a full spool is FULL, and takes events of the service itself", async (t) => {
  const { side } = await startThread(t);
  await t.throwsAsync(fill(side), { name: "AuditError", code: "FULL" });
  await t.notThrowsAsync(side.append(started, TIME));
  await t.throwsAsync(side.append(large(100_000), TIME), { name: "AuditError", code: "FULL" });
  await t.throwsAsync(side.append(issued(1), TIME), { name: "AuditError", code: "FULL" }, "a small one too");
  t.is(side.obstacle, "room in the audit log");
});

test("a full spool says why NATS does not empty it", async (t) => {
  const nats = { access: openAccess(`nats://127.0.0.1:${await freePort()}`), replicas: 1, horizonMs: 60_000 };
  const { side, reports } = await startThread(t, { nats });
  await waitUntil("the outage is reported", () => reports.some(({ type }) => type === "nats.down"));
  await t.throwsAsync(fill(side), { name: "AuditError", code: "FULL" });
  t.is(side.obstacle, "room in the audit log: NATS takes no events (CONNECTION_REFUSED)");
});

testWithNats("a full spool blames no outage that is over, although there was nothing to forward", async (t) => {
  const server = await startNats(t);
  // A horizon that keeps what NATS has.
  const nats = { access: openAccess(server.url), replicas: 1, horizonMs: 60_000 };
  const { side, reports } = await startThread(t, { nats });
  const count = (type: AuditReport["type"]) => reports.filter((report) => report.type === type).length;
  await waitUntil("events can be forwarded", () => count("audit.forwarding") === 1);
  await server.restart();
  await waitUntil("the outage is over", () => count("nats.down") > 0 && count("nats.up") === 2);
  await t.throwsAsync(fill(side), { name: "AuditError", code: "FULL" });
  t.is(side.obstacle, "room in the audit log");
});

testWithNats("a full spool blames no outage that new credentials have ended", async (t) => {
  const usersOf = (word: string) => `authorization { users: [{ user: "replica", password: "${word}" }] }`;
  const server = await startSecureNats(t, { users: usersOf("one") });
  const folder = await tempFolder(t);
  const user = await secretFile(folder, "user", "replica");
  const password = await secretFile(folder, "password", "one");
  const nats = { access: accessWith(server, { ca: server.ca, user, password }), replicas: 1, horizonMs: 60_000 };
  const { side, reports } = await startThread(t, { nats });
  const count = (type: AuditReport["type"]) => reports.filter((report) => report.type === type).length;
  await waitUntil("events can be forwarded", () => count("audit.forwarding") === 1);
  await server.exchangeUsers(usersOf("two"));
  await waitUntil("the user is refused", () => count("nats.down") > 0);
  await writeFile(password, "two");
  await waitUntil("the outage is over", () => count("nats.renewed") === 1);
  await t.throwsAsync(fill(side), { name: "AuditError", code: "FULL" });
  t.is(side.obstacle, "room in the audit log");
});

test("a spool that can't be opened rejects the start with its code, and no thread is reported as dead", async (t) => {
  const folder = await tempFolder(t);
  await writeFile(join(folder, "identity.json"), "no identity", { mode: 0o600 });
  const deaths: unknown[] = [];
  const settings = {
    folder,
    maxBytes: 1 << 24,
    installation: undefined,
    acceptLosses: [],
    nats: undefined,
    traced: false,
  };
  const start = startAuditThread(
    settings,
    () => undefined,
    (error) => void deaths.push(error),
  );
  await t.throwsAsync(start, {
    name: "AuditError",
    code: "CORRUPT",
    message: /identity\.json: is not a spool's identity$/,
  });
  t.deepEqual(deaths, []);
});

test("a program that can't be run rejects the start", async (t) => {
  const program = new URL("./no-such-program.ts", import.meta.url);
  await t.throwsAsync(startThread(t, { program }), { any: true, code: "MODULE_NOT_FOUND" });
});

test("what was found torn is reported from the thread", async (t) => {
  const { side, folder } = await startThread(t);
  await side.append(issued(1), TIME);
  await side.stop(0);
  const file = join(folder, "0000000000000001.segment");
  await writeFile(file, Buffer.alloc(100, 1), { flag: "a" });
  const { reports } = await startThread(t, { folder });
  t.like(reports, { 0: { type: "audit.cut", file, bytes: 100 }, length: 1 });
});

testWithNats("a stop makes durable and forwards what was appended, and ends the thread", async (t) => {
  const { url } = await startNats(t);
  const nats = { access: openAccess(url), replicas: 1, horizonMs: 60_000 };
  const { side, deaths, reports } = await startThread(t, { nats });
  // A stop waits for no connection.
  await waitUntil("NATS is reached", () => reports.some(({ type }) => type === "audit.forwarding"));
  const appended = appendAll(side, 100);
  await side.stop(HANGS_MS);
  await t.notThrowsAsync(appended);
  const messages = await readAuditStream(url);
  t.deepEqual(
    tokenIdsOf(messages),
    Array.from({ length: 100 }, (_, at) => `token-${at}`),
  );
  t.deepEqual(chainFaults(messages), []);
  t.is(side.obstacle, ENDED);
  await t.throwsAsync(side.append(issued(100), TIME), unavailable);
  await t.throwsAsync(side.depth(), unavailable);
  await t.notThrowsAsync(side.stop(0), "a second stop");
  t.deepEqual(deaths, [], "an end that was asked for is no death");
});

test("a stop does not wait for a DNS query that nobody answers", async (t) => {
  const dns = createSocket("udp4").bind(0, "127.0.0.1");
  t.teardown(() => dns.close());
  await once(dns, "listening");
  const asked = once(dns, "message");
  const access = openAccess(`nats://nats.example:${dns.address().port}`);
  const { side } = await startThread(t, { program: NAMED, nats: { access, replicas: 1, horizonMs: 60_000 } });
  await asked;
  await t.notThrowsAsync(side.stop(5 * SLOW_MS), "it was not terminated for being late");
});

test("when the thread dies, pending and later appends are rejected, and its death is reported once", async (t) => {
  const { side, deaths, trouble } = await startThread(t, { program: TROUBLED });
  await side.append(issued(1), TIME);
  await writeFile(trouble("die"), "");
  const waiting = side.append(issued(2), TIME);
  await t.throwsAsync(waiting, { ...unavailable, message: "the audit thread has died" });
  t.is(side.obstacle, ENDED);
  await t.throwsAsync(side.append(issued(3), TIME), unavailable);
  await t.throwsAsync(side.depth(), unavailable);
  await side.stop(0);
  t.is(deaths.length, 1);
  t.like(deaths[0], { message: "the storage has killed the thread" });
});

test("what was appended in the turn in which the thread dies is rejected too", async (t) => {
  const { side, deaths, trouble } = await startThread(t, { program: TROUBLED });
  await writeFile(trouble("die"), "");
  const outcomes: Promise<string>[] = [];
  while (deaths.length === 0) {
    outcomes.push(
      side.append(issued(1), TIME).then(
        () => "durable",
        (error) => error.code,
      ),
    );
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.deepEqual([...new Set(await Promise.all(outcomes))], ["UNAVAILABLE"]);
});

test("an append that fails is rejected only when the obstacle is known, and a probe ends the obstacle", async (t) => {
  const { side, folder, trouble } = await startThread(t, { program: TROUBLED, examineMs: 1_000 });
  const seen: (string | undefined)[] = [];
  side.onObstacle(() => seen.push(side.obstacle));
  await side.append(issued(1), TIME);
  await writeFile(trouble("full"), "");
  const failed = await t.throwsAsync(side.append(issued(2), TIME), unavailable);
  const segment = join(folder, "0000000000000001.segment");
  const obstacle = `storage for the audit log: ${segment}: can't be written (ENOSPC: no space left on device, write)`;
  t.deepEqual([seen, side.obstacle], [[obstacle], obstacle]);
  t.like(failed?.cause, { message: "ENOSPC: no space left on device, write" });
  await t.throwsAsync(side.append(issued(3), TIME), { ...unavailable, message: `waits for ${obstacle}` });
  await waitUntil("probes have failed too", async () => (await readFile(trouble("full"), "utf8")).length > 3);
  t.deepEqual(seen, [obstacle], "a listener hears only of changes");
  await rm(trouble("full"));
  await waitUntil("a probe succeeds", () => side.obstacle === undefined);
  t.deepEqual(seen, [obstacle, undefined]);
  await side.append(issued(4), TIME);
  await side.stop(0);
  t.deepEqual(numbersOf(await bodiesOf(await makeSpool(t, { folder }))), [1, 4]);
});

test("an event that is too large is no obstacle for others", async (t) => {
  const { side } = await startThread(t);
  const heard: unknown[] = [];
  side.onObstacle(() => heard.push(side.obstacle));
  await t.throwsAsync(side.append(large(200_000), TIME), { name: "AuditError", code: "TOO_LARGE" });
  t.deepEqual(heard, []);
});

test("storage that is slow is an obstacle for later appends, and the one that waits is answered", async (t) => {
  const { side, folder, trouble } = await startThread(t, { program: TROUBLED, examineMs: SLOW_MS });
  await writeFile(trouble("hang"), "");
  const waiting = side.append(issued(1), TIME);
  await waitUntil("the storage is slow", () => side.obstacle === "storage for the audit log: it does not answer");
  await t.throwsAsync(side.append(issued(2), TIME), unavailable);
  await rm(trouble("hang"));
  await t.notThrowsAsync(waiting);
  await waitUntil("a probe succeeds", () => side.obstacle === undefined);
  await side.append(issued(3), TIME);
  await side.stop(0);
  t.deepEqual(numbersOf(await bodiesOf(await makeSpool(t, { folder }))), [1, 3]);
});

test("storage that hangs is UNAVAILABLE after the bound, then at once until it answers, and is then used again", async (t) => {
  const { side, folder, trouble } = await startThread(t, { program: TROUBLED, answerMs: 6_000, examineMs: SLOW_MS });
  await writeFile(trouble("hang"), "");
  const hanging = { ...unavailable, message: "the audit storage does not answer" };
  await t.throwsAsync(side.append(issued(1), TIME), hanging);
  await waitUntil("the storage is slow", () => side.obstacle !== undefined);
  const refused = { ...unavailable, message: "waits for storage for the audit log: it does not answer" };
  await t.throwsAsync(side.append(issued(2), TIME), refused);
  await t.throwsAsync(side.depth(), hanging);
  await rm(trouble("hang"));
  await waitUntil("a probe succeeds", () => side.obstacle === undefined);
  await side.append(issued(3), TIME);
  await side.stop(0);
  const numbers = numbersOf(await bodiesOf(await makeSpool(t, { folder })));
  t.deepEqual(numbers, [1, 3], "what came while an answer was overdue never reached the thread");
});

test("a stop while the storage hangs is bounded, and says that the end is not known to be durable", async (t) => {
  const { side, folder, deaths, trouble } = await startThread(t, { program: TROUBLED });
  await writeFile(trouble("hang"), "");
  const ended = { ...unavailable, message: "the audit thread was terminated" };
  const waiting = t.throwsAsync(side.append(issued(1), TIME), ended);
  await waitUntil("the thread hangs", () => existsSync(join(folder, "hanging")));
  const depth = t.throwsAsync(side.depth(), ended);
  await t.throwsAsync(side.stop(0), unavailable);
  await Promise.all([waiting, depth]);
  t.is(side.obstacle, ENDED);
  t.deepEqual(deaths, [], "an end that was asked for is no death");
});

test("a depth that can't be read is an error for that caller, and the next caller gets the next depth", async (t) => {
  const { side } = await startThread(t, { program: new URL("./failing-depth.ts", import.meta.url) });
  const first = t.throwsAsync(side.depth(), { name: "AuditError", code: "CORRUPT" });
  const [second] = await Promise.all([side.depth(), first]);
  t.is(second.events, 2);
});
