import type { ExecutionContext } from "ava";
import { headers, nanos } from "nats";
import { wantedBucket } from "../../../src/nats/bucket/config.ts";
import { STATE_BUCKET } from "../../../src/nats/bucket/name.ts";
import { StateError } from "../../../src/state/keyvalue.ts";
import { HANGS_MS } from "../../support/bounded.ts";
import { startNats, testWithNats } from "../../support/nats/nats-server.ts";
import { startTcpProxy } from "../../support/nats/tcp-proxy.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { bytes, connectStore, watching } from "./store-under-test.ts";

/** An old server is refused for three replicas before it is asked: here it gives itself out as a new one. */
const asNewServer = (t: ExecutionContext<unknown>, url: string) =>
  startTcpProxy(t, url, (said) => said.replace(/"version":"[^"]*"/, '"version":"2.10.27"'));

testWithNats("a bucket that forgets is refused by every call, never changed, and used once it is mended", async (t) => {
  const server = await startNats(t);
  const { link, store, found } = await connectStore(t, server.url);
  const manager = await link.connection?.jetstreamManager({ timeout: HANGS_MS });
  await manager?.streams.add({ ...wantedBucket(STATE_BUCKET, 1), max_age: nanos(3_600_000) });
  const next = () => store.watch("", new AbortController().signal)[Symbol.asyncIterator]().next();
  for (const call of [() => store.get("a"), () => store.create("a", bytes("1")), next, () => store.sweep()]) {
    const error = await t.throwsAsync(call, { instanceOf: StateError });
    t.is(error?.code, "UNAVAILABLE");
    t.regex(error?.message ?? "", /^max_age of KV_signet is 3600 s, allowed is off: .*--max-age=0s\)$/);
  }
  t.is(found.at(-1)?.refused.length, 1);
  t.is((await manager?.streams.info("KV_signet"))?.config.max_age, nanos(3_600_000));
  await manager?.streams.update("KV_signet", { max_age: 0 });
  t.is(await store.create("a", bytes("1")), 1);
  t.deepEqual(found.at(-1), { refused: [], alarms: [] });
});

testWithNats(
  "a bucket that began to forget is used by those who may, and looked at with each verification",
  async (t) => {
    const server = await startNats(t);
    let strict = false;
    const { link, store, found } = await connectStore(t, server.url, { strict: () => strict });
    await store.create("a", bytes("1"));
    const manager = await link.connection?.jetstreamManager({ timeout: HANGS_MS });
    await manager?.streams.update("KV_signet", { max_age: nanos(3_600_000) });
    await store.clockOffset();
    t.is(found.at(-1)?.refused.length, 1);
    t.is((await store.get("a"))?.revision, 1);
    strict = true;
    t.like(await t.throwsAsync(store.get("a")), { code: "UNAVAILABLE" });
  },
);

testWithNats("what was found is known at each connection", async (t) => {
  const server = await startNats(t);
  const { link, store, found } = await connectStore(t, server.url);
  const manager = await link.connection?.jetstreamManager({ timeout: HANGS_MS });
  await manager?.streams.add({ name: "KV_signet", subjects: ["$KV.signet.>"], max_msgs_per_subject: 5 });
  await store.create("a", bytes("1"));
  const settings = found.map(({ alarms }) => alarms.map((text) => text.split(" ")[0]));
  t.deepEqual(settings, [["discard", "max_msgs_per_subject", "deny_delete"]]);
  await server.restart();
  await waitUntil("it is connected again", () => link.generation === 2);
  await store.get("a");
  t.deepEqual(found[1], found[0]);
});

testWithNats("a bucket of its own making is as it should be, and an older one on fewer servers is not", async (t) => {
  const server = await startNats(t);
  const { store, found } = await connectStore(t, server.url);
  await store.create("a", bytes("1"));
  t.deepEqual(found[0], { refused: [], alarms: [] });
  const three = await connectStore(t, (await asNewServer(t, server.url)).url, { replicas: 3 });
  await three.store.get("a");
  t.regex(three.found[0]?.alarms.join() ?? "", /^num_replicas of KV_signet is 1, allowed is 3 or more/);
});

testWithNats("three replicas on one server can't be had, and JetStream's reason is reported", async (t) => {
  const server = await startNats(t);
  const { store } = await connectStore(t, (await asNewServer(t, server.url)).url, { replicas: 3 });
  const error = await t.throwsAsync(store.get("a"), { instanceOf: StateError });
  t.is(error?.code, "UNAVAILABLE");
  t.regex(error?.message ?? "", /10074 replicas > 1 not supported in non-clustered mode/);
});

testWithNats("a server without JetStream is reported as such", async (t) => {
  const server = await startNats(t, { jetstream: false });
  const { store } = await connectStore(t, server.url);
  const error = await t.throwsAsync(store.get("a"), { instanceOf: StateError });
  t.is(error?.code, "UNAVAILABLE");
  t.regex(error?.message ?? "", /no JetStream answers \(503 no responders: off,/);
});

testWithNats(
  "an entry whose expiry can't be read is reported once, never expires, and can be written over; one without headers is a value",
  async (t) => {
    const server = await startNats(t);
    const { link, store, reports } = await connectStore(t, server.url);
    await store.create("mine", bytes("1"));
    const jetstream = link.connection?.jetstream({ timeout: HANGS_MS });
    const broken = headers();
    broken.set("Signet-Expires-At", "tomorrow");
    await jetstream?.publish("$KV.signet.broken", bytes("1"), { headers: broken });
    await jetstream?.publish("$KV.signet.foreign", bytes("1"));
    await jetstream?.publish("$KV.signet.no=key", bytes("1"));
    const found = await store.get("broken");
    t.deepEqual(found?.value, new Uint8Array(bytes("1")));
    t.is(await store.create("broken", bytes("2")), undefined);
    t.is((await store.get("foreign"))?.revision, 3);
    const seen: string[] = [];
    for await (const change of store.watch("foreign", new AbortController().signal)) {
      seen.push(change.type === "put" ? change.entry.key : change.type);
      if (change.type === "current") break;
    }
    t.deepEqual(seen, ["foreign", "current"]);
    const all = await watching(t, store, "");
    await store.create("later", bytes("1"));
    await waitUntil("the watch goes on", () => all.keys().includes("later"));
    t.deepEqual(all.keys(), ["mine", "broken", "foreign", "later"]);
    t.deepEqual(reports, ["entry broken: Signet-Expires-At is not a number of milliseconds"]);
    t.not(await store.update("broken", bytes("2"), found?.revision ?? 0), undefined);
  },
);
