import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { credentials } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { TokenServiceClient, VerifyTokenRequest, WatchRevocationsRequest } from "../../src/gen/signet/v1/token.ts";
import { tempFolder } from "../support/files/temp.ts";
import { get } from "../support/service/get.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { issue, promised, startService } from "../support/service/service.ts";
import { clientsWith } from "../support/tls/tls-service.ts";
import { waitUntil } from "../support/wait-until.ts";

const policy = (limits: string) => `
groups:
  everybody:
    callers: [loopback]
    ${limits}
    rules:
      - { methods: [IssueToken], profiles: [service], subjects: any }
      - { methods: [WatchRevocations, VerifyToken], profiles: any }
`;

async function limited(t: ExecutionContext, limits: string) {
  const file = join(await tempFolder(t), "policy.yaml");
  await writeFile(file, policy(limits));
  const service = await startService(t, { env: { SIGNET_ACCESS_POLICY: file } });
  return { service, file };
}

test("a caller calls as often as its group may, and no more often until a policy says otherwise", async (t) => {
  const { service, file } = await limited(t, "limits: { calls: { per_second: 0.001, burst: 3 } }");
  for (let count = 0; count < 3; count += 1) await t.notThrowsAsync(issue(service));
  const refused = await failureOf(issue(service));
  t.like(refused, { code: "RESOURCE_EXHAUSTED", reason: "RATE_LIMITED" });
  t.true((refused.retryAfterMs ?? 0) > 900_000);
  const metrics = await (await get(`${service.url}/metrics`)).text();
  t.regex(metrics, /^signet_rate_limited_total\{limit="caller",profile="service"\} 1$/m);
  await writeFile(file, policy(""));
  await service.app.reload();
  await t.notThrowsAsync(issue(service));
});

test("a batch without items, or with too many, is a call of the rate", async (t) => {
  const { service } = await limited(t, "limits: { calls: { per_second: 0.001, burst: 2 } }");
  const batch = (count: number) => {
    const items = Array.from({ length: count }, () => VerifyTokenRequest.fromPartial({ profile: "service" }));
    return failureOf(promised(service.tokens.batchVerifyTokens.bind(service.tokens), { items }));
  };
  for (const count of [0, 101]) t.like(await batch(count), { code: "INVALID_ARGUMENT", reason: "INVALID_REQUEST" });
  for (const count of [0, 101]) t.like(await batch(count), { code: "RESOURCE_EXHAUSTED", reason: "RATE_LIMITED" });
});

test("a caller has as many calls open as its group may: a watch counts until it ends", async (t) => {
  const { service } = await limited(t, "limits: { calls_at_once: 1 }");
  const client = new TokenServiceClient(service.app.addresses.grpc, credentials.createInsecure());
  t.teardown(() => client.close());
  const watch = client.watchRevocations(WatchRevocationsRequest.fromPartial({}));
  const ended = new Promise((resolve) => watch.once("error", resolve));
  await new Promise((resolve) => watch.once("data", resolve));
  t.like(await failureOf(issue(service)), { code: "RESOURCE_EXHAUSTED", reason: "RATE_LIMITED", retryAfterMs: 1_000 });
  watch.cancel();
  await ended;
  await waitUntil(
    "the service has seen the end",
    async () => (await issue(service).catch(() => undefined)) !== undefined,
  );
  t.pass();
});

test("a caller has as many connections as its group may: one more waits until another has ended", async (t) => {
  const { service, file } = await limited(t, "limits: { connections: 2 }");
  const connection = () => clientsWith(t, service.app.addresses.grpc, credentials.createInsecure());
  const [first, second, third] = [connection(), connection(), connection()];
  for (const client of [first, second, first]) await t.notThrowsAsync(issue(client));
  const refused = await failureOf(issue(third));
  t.like(refused, { code: "RESOURCE_EXHAUSTED", reason: "RATE_LIMITED", retryAfterMs: 1_000 });
  t.deepEqual(refused.metadata, { limit: "connections" });
  first.tokens.close();
  const served = async () => (await issue(third).catch(() => undefined)) !== undefined;
  await waitUntil("the service has seen the end", served);
  await writeFile(file, policy("limits: { connections: 1 }"));
  await service.app.reload();
  for (const client of [second, third]) await t.notThrowsAsync(issue(client));
  t.like(await failureOf(issue(connection())), { reason: "RATE_LIMITED" });
});
