import { existsSync, statSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { credentials } from "@grpc/grpc-js";
import test from "ava";
import { AuditServiceClient } from "../../../src/gen/signet/v1/audit_service.ts";
import { parseRevocation } from "../../../src/revoke/revocation.ts";
import { openFileKeyValue } from "../../../src/state/file.ts";
import { tempFolder } from "../../support/files/temp.ts";
import { readAuditStream } from "../../support/nats/audit-stream.ts";
import { startNats, testWithNats } from "../../support/nats/nats-server.ts";
import { startTcpProxy } from "../../support/nats/tcp-proxy.ts";
import { verdictOf } from "../../support/profiles/dialect.ts";
import { allForwarded, startRemote } from "../../support/service/remote-service.ts";
import { revokeTokens } from "../../support/service/revoke-tokens.ts";
import { failureOf } from "../../support/service/rich-error.ts";
import { issue, promised, type Service, startService, verify } from "../../support/service/service.ts";
import type { Ending } from "../../support/service/shared.ts";
import { waitUntil } from "../../support/wait-until.ts";

/** By then the start writes nothing more into the state. */
async function untilWriterIsRegistered(t: Ending, service: Service): Promise<void> {
  const audit = new AuditServiceClient(service.app.addresses.grpc, credentials.createInsecure());
  t.teardown(() => audit.close());
  const keys = async () => (await promised(audit.listAuditKeys.bind(audit), {})).keys;
  await waitUntil("its audit key is listed", async () => (await keys()).length === 1);
}

const CALLS = 8;
const IDS = 100;
const idsOf = (call: number): string[] => Array.from({ length: IDS }, (_, at) => `${call}-${at}`);

test("eight calls that revoke 100 ids are eight transactions, and other calls are answered while the disk is held up", async (t) => {
  const data = await tempFolder(t);
  const surroundings = { stateThread: new URL("./held-state.ts", import.meta.url) };
  const service = await startService(t, { data, surroundings });
  const file = join(data, "state", "state.db");
  const commits = () => statSync(`${file}.commits`).size;
  await untilWriterIsRegistered(t, service);
  const before = commits();
  await writeFile(`${file}.hold`, "");
  let answered = 0;
  const revoking = Array.from({ length: CALLS }, async (_, call) => {
    await revokeTokens(service, { tokenIds: idsOf(call) });
    answered += 1;
  });
  const { token } = await issue(service);
  t.is(verdictOf(await verify(service, token)), "valid");
  t.is(answered, 0);
  t.true(existsSync(`${file}.hold`));
  await rm(`${file}.hold`);
  await Promise.all(revoking);
  t.is(commits() - before, CALLS);
});

test("a killed service has stored all of a call's ids or none, and all of every call that it answered", async (t) => {
  const data = await tempFolder(t);
  const service = await startRemote(t, { data });
  const answered = new Set<string>();
  const calls = Array.from({ length: 200 }, (_, call) =>
    revokeTokens(service, { tokenIds: idsOf(call) }).then(
      () => void answered.add(`${call}`),
      () => undefined,
    ),
  );
  await waitUntil("some calls are answered", () => answered.size >= 3);
  await service.process.kill9();
  await Promise.all(calls);
  const store = await openFileKeyValue(join(data, "state", "state.db"), Date.now);
  t.teardown(() => store.close());
  const stored = (await store.list("revoked/")).map(parseRevocation);
  const byCall = Object.groupBy(stored, (one) => (one?.kind === "token" ? (one.tokenId.split("-")[0] ?? "") : ""));
  for (const [call, ids] of Object.entries(byCall)) t.is(ids?.length, IDS, call);
  for (const call of answered) t.is(byCall[call]?.length, IDS, call);
  t.true(answered.size < calls.length, "it was killed in the middle");
});

testWithNats(
  "a call that NATS was cut off from fails without an event, and repeated it revokes all, once",
  async (t) => {
    const nats = await startNats(t);
    const proxy = await startTcpProxy(t, nats.url);
    // The answers to the writes never come: NATS has stored them, and the service can't know.
    const env = { SIGNET_NATS_URL: proxy.url, SIGNET_STATE_STORE: "nats", SIGNET_STATE_FIRST_START: "true" };
    const service = await startRemote(t, { data: await tempFolder(t), env });
    const tokens = await Promise.all(Array.from({ length: 10 }, () => issue(service)));
    await allForwarded(service);
    const tokenIds = [...tokens.map(({ tokenId }) => tokenId), ...idsOf(0).slice(10)];
    proxy.hold();
    const failing = failureOf(revokeTokens(service, { tokenIds }));
    await waitUntil("the first writes are on their way", () => proxy.sent("$KV.signet.revoked.token.") >= 10);
    proxy.cut();
    t.is((await failing).reason, "REVOCATIONS_UNAVAILABLE");
    proxy.release();
    proxy.heal();
    await waitUntil("the call succeeds", () =>
      revokeTokens(service, { tokenIds }).then(
        () => true,
        () => false,
      ),
    );
    for (const { token } of tokens) t.is(verdictOf(await verify(service, token)), "REVOKED");
    await allForwarded(service);
    const events = (await readAuditStream(nats.url)).map(({ event }) => event.event);
    const revoked = events.flatMap((event) => (event?.$case === "tokenRevoked" ? [event.value.tokenIds] : []));
    t.deepEqual(revoked, [tokenIds]);
  },
);
