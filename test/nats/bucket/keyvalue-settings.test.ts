import type { ExecutionContext } from "ava";
import { headers } from "nats";
import { StateError } from "../../../src/state/keyvalue.ts";
import { startNats, testWithNats } from "../../support/nats/nats-server.ts";
import { startTcpProxy } from "../../support/nats/tcp-proxy.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { bytes, connectStore, watching } from "./store-under-test.ts";

/** An old server is refused for three replicas before it is asked: here it gives itself out as a new one. */
const asNewServer = (t: ExecutionContext<unknown>, url: string) =>
  startTcpProxy(t, url, (said) => said.replace(/"version":"[^"]*"/, '"version":"2.10.27"'));

testWithNats(
  "a bucket that exists is used as it is, and each setting that differs is reported, at each connection",
  async (t) => {
    const server = await startNats(t);
    const { link, store, reports } = await connectStore(t, server.url);
    const manager = await link.connection?.jetstreamManager();
    await manager?.streams.add({ name: "KV_signet", subjects: ["$KV.signet.>"], max_age: 3_600_000_000_000 });
    await store.create("a", bytes("1"));
    await store.get("a");
    t.is(reports.length, 1);
    for (const setting of ["max_age", "max_msgs_per_subject", "discard", "deny_delete"]) {
      t.true(
        reports[0]?.some((difference) => difference.startsWith(`${setting} is `)),
        setting,
      );
    }
    t.is((await manager?.streams.info("KV_signet"))?.config.max_age, 3_600_000_000_000);
    await server.restart();
    await waitUntil("it is connected again", () => link.generation === 2);
    await store.get("a");
    t.deepEqual(reports[1], reports[0]);
  },
);

testWithNats("a bucket of its own making has no differences, and an older one on fewer servers has one", async (t) => {
  const server = await startNats(t);
  const { store, reports } = await connectStore(t, server.url);
  await store.create("a", bytes("1"));
  t.deepEqual(reports, []);
  const three = await connectStore(t, (await asNewServer(t, server.url)).url, 3);
  await three.store.get("a");
  t.deepEqual(three.reports, [["num_replicas is 1, should be 3"]]);
});

testWithNats("three replicas on one server can't be had, and JetStream's reason is reported", async (t) => {
  const server = await startNats(t);
  const { store } = await connectStore(t, (await asNewServer(t, server.url)).url, 3);
  const error = await t.throwsAsync(store.get("a"), { instanceOf: StateError });
  t.is(error?.code, "UNAVAILABLE");
  t.regex(error?.message ?? "", /10074 replicas > 1 not supported in non-clustered mode/);
});

testWithNats("a server without JetStream is reported as such", async (t) => {
  const server = await startNats(t, { jetstream: false });
  const { store } = await connectStore(t, server.url);
  const error = await t.throwsAsync(store.get("a"), { instanceOf: StateError });
  t.is(error?.code, "UNAVAILABLE");
  t.regex(error?.message ?? "", /no JetStream answers \(off, or without a leader\)/);
});

testWithNats(
  "an entry whose expiry can't be read is CORRUPT, except in a watch, which reports it and goes on; one without headers is a value",
  async (t) => {
    const server = await startNats(t);
    const { link, store, reports } = await connectStore(t, server.url);
    await store.create("mine", bytes("1"));
    const jetstream = link.connection?.jetstream();
    const broken = headers();
    broken.set("Signet-Expires-At", "tomorrow");
    await jetstream?.publish("$KV.signet.broken", bytes("1"), { headers: broken });
    await jetstream?.publish("$KV.signet.foreign", bytes("1"));
    await jetstream?.publish("$KV.signet.no=key", bytes("1"));
    t.like(await t.throwsAsync(store.get("broken"), { instanceOf: StateError }), { code: "CORRUPT" });
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
    t.deepEqual(reports, [["entry broken: Signet-Expires-At is not a number of milliseconds"]]);
  },
);
