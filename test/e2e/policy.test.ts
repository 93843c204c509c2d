import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { credentials } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import type { AuditLog } from "../../src/audit/event.ts";
import { AuditServiceClient } from "../../src/gen/signet/v1/audit_service.ts";
import { SecretEncoding } from "../../src/gen/signet/v1/keys.ts";
import { withRules } from "../support/access/policies.ts";
import { filesIn } from "../support/files/config-files.ts";
import { tempFolder } from "../support/files/temp.ts";
import { readAuditStream } from "../support/nats/audit-stream.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { get } from "../support/service/get.ts";
import { importKey } from "../support/service/key-calls.ts";
import { type RemoteService, startRemote, untilLogged } from "../support/service/remote-service.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { issue, listKeys, promised, startService, verify } from "../support/service/service.ts";
import { waitUntil } from "../support/wait-until.ts";

const ISSUE = "{ methods: [IssueToken], profiles: [service], subjects: [alice, { prefix: user/ }], max_ttl: 5m }";
const VERIFY = "{ methods: [VerifyToken], profiles: [service] }";
const ADMIN = "{ methods: [ImportKey, RetireWriter], profiles: any }";
const WATCH = "{ methods: [WatchRevocations], profiles: any }";

/** How many calls at once are denied. */
const DENIED = 20;

/** A policy with one group, of the callers on this machine, that has these rules. */
function ofLoopback(...rules: readonly string[]): string {
  return withRules(...rules).replace("dns:orders.example.org", "loopback");
}

async function startWith(t: ExecutionContext, ...rules: readonly string[]) {
  return startBeside(t, {}, ...rules);
}

async function startBeside(t: ExecutionContext, env: Record<string, string>, ...rules: readonly string[]) {
  const folder = await filesIn(t, { "policy.yaml": ofLoopback(...rules) });
  const file = join(folder, "policy.yaml");
  const service = await startRemote(t, { data: await tempFolder(t), env: { ...env, SIGNET_ACCESS_POLICY: file } });
  const change = async (text: string) => {
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
  };
  return { service, file, change };
}

async function retireWriter({ app }: RemoteService, writer: string): Promise<unknown> {
  const client = new AuditServiceClient(app.addresses.grpc, credentials.createInsecure());
  try {
    return await new Promise((resolve, reject) =>
      client.retireWriter({ writer, reason: "lost" }, (error, answer) => (error ? reject(error) : resolve(answer))),
    );
  } finally {
    client.close();
  }
}

function logged({ process: { log } }: RemoteService, event: string) {
  return log.filter((line) => line.event === event);
}

test("what no rule allows is refused: the method, the profile as if it did not exist, or the request", async (t) => {
  const { service } = await startWith(t, ISSUE);
  const { token } = await issue(service);
  t.truthy((await issue(service, { subject: "user/7", ttl: { seconds: 300n, nanos: 0 } })).token);

  t.like(await failureOf(verify(service, token)), {
    code: "PERMISSION_DENIED",
    reason: "PERMISSION_DENIED",
    message: "the policy does not allow VerifyToken to this caller",
  });
  t.is((await failureOf(listKeys(service))).code, "PERMISSION_DENIED");
  for (const request of [
    { subject: "bob" },
    { subject: "" },
    { ttl: { seconds: 301n, nanos: 0 } },
    { ttl: { seconds: 300n, nanos: 1 } },
  ])
    t.like(await failureOf(issue(service, request)), {
      code: "PERMISSION_DENIED",
      message: "the policy does not allow this IssueToken to this caller",
    });

  const forbidden = await failureOf(issue(service, { profile: "viasocket" }));
  t.like(forbidden, { code: "NOT_FOUND", reason: "PROFILE_NOT_FOUND" });
  t.deepEqual(await failureOf(issue(service, { profile: "nothing" })), forbidden);
});

test("each item of a batch is decided as a call of its own", async (t) => {
  const { service } = await startWith(t, ISSUE);
  const item = { profile: "service", audience: ["api"], tenant: "", clientIp: "", requestId: "", validateOnly: false };
  const items = ["alice", "bob", "user/7"].map((subject) => ({ ...item, subject, ttl: undefined, claims: undefined }));
  const { results } = await promised(service.tokens.batchIssueTokens.bind(service.tokens), { items });
  t.deepEqual(
    results.map(({ result }) => (result?.$case === "error" ? result.value.code : "token")),
    ["token", 7, "token"],
  );
});

test("a changed policy is adopted by itself; one with a fault, or with a test that fails, leaves the last one", async (t) => {
  const { service, file, change } = await startWith(t, ISSUE);
  const { token } = await issue(service);
  const isAllowed = () =>
    verify(service, token).then(
      () => true,
      () => false,
    );
  await change(ofLoopback(ISSUE, VERIFY));
  await waitUntil("the policy allows VerifyToken", isAllowed);
  t.like(logged(service, "profiles.reloaded"), { length: 1, 0: { changed: [], gone: [], policies: ["policy"] } });

  await change(ofLoopback(ISSUE, VERIFY.replace("VerifyToken", "VerifyTokens")));
  await untilLogged(service, () => logged(service, "policy.refused").length === 1);
  t.like(logged(service, "policy.refused")[0]?.faults, { length: 1, 0: { file, line: 6 } });
  t.true(await isAllowed());

  await change(`${ofLoopback(ISSUE)}tests: [{ expect: allow, caller: loopback, method: ListKeys }]\n`);
  await untilLogged(service, () => logged(service, "policy.refused").length === 2);
  t.like(logged(service, "policy.refused")[1]?.faults, {
    0: { path: "tests[0]", message: "is denied: groups.orders.rules[0] denies it by methods" },
  });
  t.true(await isAllowed());

  await change(ofLoopback(ISSUE));
  await waitUntil("the policy denies VerifyToken", async () => !(await isAllowed()));
});

test("an open watch ends when a change of the policy no longer allows it", async (t) => {
  const { service, change } = await startWith(t, ISSUE, WATCH);
  const watch = service.tokens.watchRevocations({ profile: "" });
  const [ended, current] = [Promise.withResolvers<string>(), Promise.withResolvers<void>()];
  watch.on("data", () => current.resolve()).on("error", (error: Error) => ended.resolve(error.message));
  await current.promise;
  await change(ofLoopback(ISSUE));
  t.regex(await ended.promise, /^7 PERMISSION_DENIED: the policy does not allow WatchRevocations to this caller$/);
});

test("a condition that fails denies, and is logged with its rule once, without a value", async (t) => {
  const { service } = await startWith(
    t,
    `{ methods: [IssueToken], profiles: any, subjects: any, when: "request.subject.size() > request.claims.limit" }`,
  );
  for (let call = 0; call < 3; call += 1)
    t.is((await failureOf(issue(service, { claims: { limit: "x" } }))).code, "PERMISSION_DENIED");
  await untilLogged(service, () => logged(service, "condition.failed").length > 0);
  t.like(logged(service, "condition.failed"), { length: 1, 0: { level: "warn", rule: "groups.orders.rules[0]" } });
});

testWithNats("what is denied, what fails, and what the shadow policy would decide have events", async (t) => {
  const nats = await startNats(t);
  const folder = await filesIn(t, { "shadow.yaml": ofLoopback(VERIFY, ADMIN).replace("orders:", "next:") });
  const env = { SIGNET_NATS_URL: nats.url, SIGNET_ACCESS_SHADOW: join(folder, "shadow.yaml") };
  const { service, change } = await startBeside(t, env, ISSUE, ADMIN);
  const { token } = await issue(service);
  await Promise.all(Array.from({ length: DENIED }, () => failureOf(verify(service, token))));
  await failureOf(issue(service, { profile: "nothing" }));
  const weak = { profile: "shoplive", secret: "secret", encoding: SecretEncoding.SECRET_ENCODING_UTF8 };
  await failureOf(importKey(service, weak));
  await failureOf(retireWriter(service, "nobody"));
  await change("groups: {}\n");
  await untilLogged(service, () => logged(service, "policy.refused").length === 1);
  await service.app.stop("SIGTERM");

  const events = (await readAuditStream(nats.url)).flatMap(({ event: { event } }) => {
    const value = event?.value;
    if (value === undefined || !("method" in value)) return [];
    const { count, caller, callerProof, callerAddress, ...rest } = value;
    t.deepEqual(
      [caller, callerProof, callerAddress],
      rest.method === "Reload" ? ["", "", ""] : ["loopback", "loopback", "127.0.0.1"],
    );
    return [{ what: [event?.$case, ...Object.values(rest)].join(" "), count: Number(count) }];
  });
  // How many events tell it depends on how long the calls take, but calls at once have no event each.
  const told = Map.groupBy(events, ({ what }) => what);
  const totals = [...told].map(([what, own]) => `${own.reduce((sum, { count }) => sum + count, 0)} ${what}`);
  t.deepEqual(totals.toSorted(), [
    "1 accessDenied IssueToken  PROFILE_NOT_FOUND",
    "1 accessWouldDeny IssueToken service orders",
    "1 adminFailed ImportKey shoplive WEAK_KEY",
    "1 adminFailed Reload  CONFIG",
    "1 adminFailed RetireWriter  WRITER_NOT_FOUND",
    `${DENIED} accessDenied VerifyToken service PERMISSION_DENIED`,
    `${DENIED} accessWouldAllow VerifyToken service next`,
  ]);
  for (const [what, own] of told)
    if (what.includes("VerifyToken")) t.true(own.length < DENIED, `${own.length} events: ${what}`);
});

test("denials and differences are counted as metrics", async (t) => {
  const folder = await filesIn(t, { "shadow.yaml": ofLoopback(VERIFY).replace("orders:", "next:") });
  const { service } = await startBeside(t, { SIGNET_ACCESS_SHADOW: join(folder, "shadow.yaml") }, ISSUE);
  const { token } = await issue(service);
  await failureOf(verify(service, token));
  const metrics = await (await get(`${service.url}/metrics`)).text();
  for (const line of [
    'signet_access_denied_total{method="VerifyToken",reason="PERMISSION_DENIED"} 1',
    'signet_shadow_differences_total{difference="would_deny",group="orders",method="IssueToken"} 1',
    'signet_shadow_differences_total{difference="would_allow",group="next",method="VerifyToken"} 1',
  ])
    t.true(metrics.includes(`${line}\n`), line);
});

test("a policy that changes while the audit log fails comes into force once it is there again", async (t) => {
  const folder = await filesIn(t, { "policy.yaml": ofLoopback(ISSUE, VERIFY) });
  const file = join(folder, "policy.yaml");
  let failed = 0;
  const wrapAudit = (audit: AuditLog): AuditLog => ({
    ...audit,
    async append(event, time) {
      if (event.type !== "configuration.changed" || failed > 0) return audit.append(event, time);
      failed += 1;
      throw new Error("full");
    },
  });
  const service = await startService(t, { env: { SIGNET_ACCESS_POLICY: file }, surroundings: { wrapAudit } });
  const { token } = await issue(service);
  await writeFile(file, ofLoopback(ISSUE));
  await waitUntil("the change has failed", () => failed === 1);
  await waitUntil("it is in force", () =>
    verify(service, token).then(
      () => false,
      () => true,
    ),
  );
  t.is((await failureOf(verify(service, token))).code, "PERMISSION_DENIED");
});
