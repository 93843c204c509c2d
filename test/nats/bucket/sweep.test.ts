import { createNatsKeyValue } from "../../../src/nats/bucket/keyvalue.ts";
import { HANGS_MS } from "../../support/bounded.ts";
import { startNats, testWithNats } from "../../support/nats/nats-server.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { bytes, connectStore, watching } from "./store-under-test.ts";

const HOUR = 3_600_000;

testWithNats(
  "what expired more than an hour ago is swept; its key can be created again, and watches are not disturbed",
  async (t) => {
    const server = await startNats(t);
    const { link, store } = await connectStore(t, server.url);
    await store.create("old", bytes("1"), { expiresAt: Date.now() - HOUR - 10_000 });
    await store.create("recent", bytes("1"), { expiresAt: Date.now() - HOUR + 60_000 });
    await store.create("live", bytes("1"), { expiresAt: Date.now() + HOUR });
    await store.create("lasting", bytes("1"));
    await store.create("deleted", bytes("1"));
    await store.delete("deleted");
    const seen = await watching(t, store, "");
    t.is(await store.sweep(), 1);
    t.is(await store.sweep(), 0);
    const manager = await link.connection?.jetstreamManager({ timeout: HANGS_MS });
    t.is((await manager?.streams.info("KV_signet"))?.state.messages, 4);
    t.is(await store.create("old", bytes("2")), 7);
    await waitUntil("the creation is seen", () => seen.keys().includes("old"));
    t.deepEqual(seen.keys(), ["live", "lasting", "old"]);
  },
);

testWithNats("a replica whose clock is a day ahead sweeps nothing that is live for the others", async (t) => {
  const server = await startNats(t);
  const { link, store } = await connectStore(t, server.url);
  await store.create("live", bytes("1"), { expiresAt: Date.now() + HOUR });
  const ahead = createNatsKeyValue(link, {
    ...{ replicas: 1, now: () => Date.now() + 24 * HOUR, report: () => undefined },
    callMs: HANGS_MS,
  });
  t.is(await ahead.get("live"), undefined, "its clock is ahead");
  t.is(await ahead.sweep(), 0);
  t.is((await store.get("live"))?.key, "live");
});

testWithNats("a key that is created again while it is swept stays", async (t) => {
  const server = await startNats(t);
  const { link, store } = await connectStore(t, server.url);
  const keys = Array.from({ length: 300 }, (_, at) => `old/${at}`);
  const expiresAt = Date.now() - HOUR - 10_000;
  await Promise.all(keys.map((key) => store.create(key, bytes("1"), { expiresAt })));
  const manager = await link.connection?.jetstreamManager({ timeout: HANGS_MS });
  const left = async () => (await manager?.streams.info("KV_signet"))?.state.messages ?? 0;
  const swept = store.sweep();
  await waitUntil("it has begun", async () => (await left()) < keys.length);
  const creations = await Promise.all(keys.map((key) => store.create(key, bytes("2"))));
  t.is(creations.filter((revision) => revision === undefined).length, 0);
  await swept;
  const found = await Promise.all(keys.map((key) => store.get(key)));
  t.is(found.filter((entry) => entry === undefined).length, 0);
});
