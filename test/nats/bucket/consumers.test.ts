import { collect } from "../../support/collect.ts";
import { startNats, testWithNats } from "../../support/nats/nats-server.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { bytes, connectStore, watching } from "./store-under-test.ts";

/** The server drops a consumer without a subscriber after five seconds. */
const SOONER_MS = 3_000;

testWithNats("reads that end, watches that are aborted and sweeps leave no consumer in the bucket", async (t) => {
  const server = await startNats(t);
  const { link, store } = await connectStore(t, server.url);
  await store.create("a/1", bytes("1"));
  await watching(t, store, "a/");
  const [opening, open] = [new AbortController(), new AbortController()];
  const aborted = collect(store.watch("a/", opening.signal));
  opening.abort();
  t.deepEqual(await aborted, []);
  for await (const _ of store.watch("a/", open.signal)) open.abort();
  for (let read = 0; read < 50; read++) t.is((await store.list("a/")).length, 1);
  await store.sweep();
  const manager = await link.connection?.jetstreamManager({ checkAPI: false });
  const count = async () => (await manager?.streams.info("KV_signet"))?.state.consumer_count;
  await waitUntil("the watch that goes on is alone", async () => (await count()) === 1, SOONER_MS);
  t.is(await count(), 1);
});
