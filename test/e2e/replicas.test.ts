import { connect } from "../support/nats/connect.ts";
import { serialTestWithNats, startNats } from "../support/nats/nats-server.ts";
import { startTcpProxy } from "../support/nats/tcp-proxy.ts";
import { issueEverywhere } from "../support/replicas/replica-tokens.ts";
import { type Replica, replicaSet, untilReady } from "../support/replicas/replicas.ts";
import { badVerdicts } from "../support/replicas/verify-everywhere.ts";
import { get } from "../support/service/get.ts";
import { healthClient } from "../support/service/health.ts";
import { importKey } from "../support/service/key-calls.ts";
import { startLoad } from "../support/service/load.ts";
import { untilLogged } from "../support/service/remote-service.ts";
import { revokeTokens } from "../support/service/revoke-tokens.ts";
import { failureOf } from "../support/service/rich-error.ts";
import { issue, listKeys, verify } from "../support/service/service.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Rings that do not turn while a test runs. */
const STEADY = {
  period: 24 * 3_600_000,
  verifierCache: 900_000,
  propagation: 60_000,
  stopUsing: 60_000,
  skew: 60_000,
  activationDelay: 300_000,
  maxTtl: 3_600_000,
};

const VENDOR = { subject: "", audience: [], claims: { userId: "u1" } };

/**
 * Milliseconds until it holds on every one of the replicas. The promise is a second. A busy machine gets as long as
 * anything may hang, and still less than by any way but the watch of the bucket.
 */
async function until(replicas: readonly Replica[], holds: (replica: Replica) => Promise<boolean>): Promise<number> {
  const from = performance.now();
  await Promise.all(replicas.map((replica) => waitUntil(`it holds on ${replica.name}`, () => holds(replica))));
  return performance.now() - from;
}

serialTestWithNats("what one of three replicas does, the others know soon by their watch", async (t) => {
  const nats = await startNats(t);
  const set = await replicaSet(t, [nats.url], STEADY);
  const replicas = await set.startAll(3);
  const [one, ...others] = replicas;
  if (one === undefined) return t.fail();

  const rings = await Promise.all(replicas.map(async (replica) => (await listKeys(replica)).keys));
  t.deepEqual(rings[1], rings[0]);
  t.deepEqual(rings[2], rings[0]);
  const tokens = await issueEverywhere(replicas);
  t.deepEqual(await badVerdicts(replicas, tokens), {}, "at once");

  await importKey(one, { profile: "shoplive", keyId: "shared" });
  const imported = await until(others, async (replica) =>
    (await listKeys(replica)).keys.some(({ keyId }) => keyId === "shared"),
  );
  const vendor = await issue(one, { profile: "shoplive", ...VENDOR });
  for (const replica of others)
    t.true((await verify(replica, vendor.token, { profile: "shoplive", audience: "" })).valid, replica.name);

  const { token, tokenId } = await issue(one);
  t.deepEqual(await badVerdicts(others, [token]), {});
  await revokeTokens(one, { profile: "service", tokenIds: [tokenId] });
  const revoked = await until(others, async (replica) => !(await verify(replica, token)).valid);
  t.log(`an import was known elsewhere after ${Math.round(imported)} ms, a revocation after ${Math.round(revoked)} ms`);
});

serialTestWithNats(
  "a replica that is cut off issues for max_offline, verifies without limit, and issues again when it is back",
  async (t) => {
    const nats = await startNats(t);
    const proxy = await startTcpProxy(t, nats.url);
    const set = await replicaSet(t, [proxy.url, nats.url], STEADY, { SIGNET_STATE_MAX_OFFLINE: "25s" });
    const [cutOff, other] = await set.startAll(2);
    if (cutOff === undefined || other === undefined) return t.fail();
    proxy.cut();
    const { token } = await issue(cutOff);
    await waitUntil("nothing is issued any more", async () => (await cutOff.waitsFor()) !== "");
    t.regex(
      await cutOff.waitsFor(),
      /waits for the shared state \(NATS\), last heard from \d+ s ago \(state\.max_offline: 25s\)/,
    );
    t.like(await failureOf(issue(cutOff)), { code: "UNAVAILABLE", reason: "OFFLINE_TOO_LONG", retryAfterMs: 5_000 });
    const verified = await verify(cutOff, token);
    t.true(verified.valid);
    t.true(Number(verified.revocationViewAge?.seconds) >= 25);
    const health = healthClient(t, cutOff.app.addresses.grpc);
    t.is(await health.check(""), "SERVING");
    await waitUntil(
      "the health service says so",
      async () => (await health.check("signet.v1.TokenService/IssueToken")) === "NOT_SERVING",
    );
    t.deepEqual(await badVerdicts([other], [token]), {});
    proxy.heal();
    await untilReady(cutOff);
    t.deepEqual(await badVerdicts([other], [(await issue(cutOff)).token]), {});
  },
);

serialTestWithNats("a replica that starts without NATS serves from what it remembers", async (t) => {
  const nats = await startNats(t);
  const set = await replicaSet(t, [nats.url], STEADY);
  const [before] = await set.startAll(1);
  if (before === undefined) return t.fail();
  await importKey(before, { profile: "shoplive", keyId: "remembered" });
  const vendor = await issue(before, { profile: "shoplive", ...VENDOR });
  const [kept, taken] = [await issue(before), await issue(before)];
  await revokeTokens(before, { profile: "service", tokenIds: [taken.tokenId] });
  t.is(await before.process.stop(), 0);
  await nats.kill9();

  const after = await set.start(before.name);
  await untilReady(after);
  t.true((await verify(after, kept.token)).valid);
  t.true((await verify(after, vendor.token, { profile: "shoplive", audience: "" })).valid);
  const revoked = await verify(after, taken.token);
  t.is(revoked.valid, false);
  const { token } = await issue(after);

  await nats.restart();
  await waitUntil("its view is current", async () => {
    const { seconds } = (await verify(after, token)).revocationViewAge ?? {};
    return seconds !== undefined && Number(seconds) <= 2;
  });
  const joined = await set.start("newcomer");
  await untilReady(joined);
  t.deepEqual(await badVerdicts([joined], [kept.token, token]), {});
});

serialTestWithNats(
  "a replica that remembers too old a state verifies, and issues nothing until NATS is back",
  async (t) => {
    const nats = await startNats(t);
    const set = await replicaSet(t, [nats.url], STEADY);
    const [before] = await set.startAll(1);
    if (before === undefined) return t.fail();
    const { token } = await issue(before, { ttl: { seconds: 3_600n, nanos: 0 } });
    await before.process.stop();
    await nats.kill9();
    await before.setClock(3_600_000 - 60_000);
    const after = await set.start(before.name, { SIGNET_STATE_MAX_OFFLINE: "30m" });
    await waitUntil(
      "it can verify",
      async () => (await healthClient(t, after.app.addresses.grpc).check("")) === "SERVING",
    );
    t.true((await verify(after, token)).valid);
    t.like(await failureOf(issue(after)), { code: "UNAVAILABLE", reason: "OFFLINE_TOO_LONG" });
  },
);

serialTestWithNats(
  "a replica without NATS and without memory listens, says what it waits for, and stops on request",
  async (t) => {
    const nats = await startNats(t);
    const set = await replicaSet(t, [nats.url], STEADY);
    await nats.kill9();
    const waiting = await set.start("waiting");
    const refused =
      /^waits for the shared state \(NATS\), which this replica could not use yet: .*not connected to NATS \(CONNECTION_REFUSED\)$/;
    await waitUntil("it says why", async () => refused.test(await waiting.waitsFor()));
    t.like(await failureOf(verify(waiting, "a.b.c")), {
      code: "UNAVAILABLE",
      reason: "KEYS_UNAVAILABLE",
      retryAfterMs: 1_000,
    });
    t.like(await failureOf(issue(waiting)), { code: "UNAVAILABLE", reason: "KEYS_UNAVAILABLE" });
    const jwks = await get(`${waiting.url}/.well-known/jwks.json`);
    t.is(jwks.status, 503, "an empty set would be kept for a while");
    const health = healthClient(t, waiting.app.addresses.grpc);
    t.is(await health.check(""), "NOT_SERVING");
    await untilLogged(waiting, (log) => log.some(({ event }) => event === "waiting"));
    t.is(await waiting.process.stop(), 0);
  },
);

serialTestWithNats("a bucket that is deleted under load is put back: no call fails, no epoch is lost", async (t) => {
  const nats = await startNats(t);
  const set = await replicaSet(t, [nats.url], STEADY);
  const replicas = await set.startAll(3);
  const [one] = replicas;
  if (one === undefined) return t.fail();
  await importKey(one, { profile: "shoplive", keyId: "shared" });
  const { token: taken, tokenId } = await issue(one);
  await revokeTokens(one, { profile: "service", tokenIds: [tokenId] });
  const before = (await listKeys(one, "service")).keys;
  const tokens: string[] = [];
  const load = startLoad(4, async (): Promise<void> => {
    const [token = ""] = await issueEverywhere(replicas);
    tokens.push(token);
    t.deepEqual(await badVerdicts(replicas, [token]), {});
  });
  await deleteBucket(nats.url);
  for (const replica of replicas) await untilLogged(replica, (log) => log.some(({ event }) => event === "store.lost"));
  await waitUntil("the bucket holds all again", async () => {
    const keys = await keysInBucket(nats.url);
    return ["keys.service.", "keys.euler-stream.", "secrets.shoplive.", "revoked.token."].every((prefix) =>
      keys.some((key) => key.startsWith(prefix)),
    );
  });
  await load.stop();
  t.true(tokens.length > 0);

  const joined = await set.start("newcomer", { SIGNET_STATE_FIRST_START: "false" });
  await untilReady(joined);
  t.deepEqual((await listKeys(joined, "service")).keys, before);
  t.true((await listKeys(joined)).keys.some(({ keyId }) => keyId === "shared"));
  t.deepEqual(await badVerdicts([joined], [...tokens.slice(-20), taken]), { "REVOKED on newcomer": 1 });
  const logged = replicas.flatMap(({ process: { log } }) => log.map(({ event }) => event));
  t.true(logged.includes("keys.restored"));
  t.true(logged.includes("store.restored"));
});

async function deleteBucket(url: string): Promise<void> {
  const connection = await connect({ servers: url });
  await (await connection.jetstreamManager()).streams.delete("KV_signet");
  await connection.close();
}

async function keysInBucket(url: string): Promise<string[]> {
  const connection = await connect({ servers: url });
  try {
    const manager = await connection.jetstreamManager();
    const { state } = await manager.streams.info("KV_signet", { subjects_filter: ">" });
    return Object.keys(state.subjects ?? {}).map((subject) => subject.replace("$KV.signet.", ""));
  } catch {
    return [];
  } finally {
    await connection.close();
  }
}
