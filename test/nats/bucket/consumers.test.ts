import { collect } from "../../support/collect.ts";
import { connect } from "../../support/nats/connect.ts";
import { startNats, testWithNats } from "../../support/nats/nats-server.ts";
import { startTcpProxy } from "../../support/nats/tcp-proxy.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { bytes, connectStore, watching } from "./store-under-test.ts";

testWithNats("reads that end, watches that are aborted and sweeps leave no consumer in the bucket", async (t) => {
  const server = await startNats(t);
  const proxy = await startTcpProxy(t, server.url);
  const { store } = await connectStore(t, proxy.url);
  await store.create("a/1", bytes("1"));
  await watching(t, store, "a/");
  const [opening, open] = [new AbortController(), new AbortController()];
  const aborted = collect(store.watch("a/", opening.signal));
  opening.abort();
  t.deepEqual(await aborted, []);
  for await (const _ of store.watch("a/", open.signal)) open.abort();
  for (let read = 0; read < 50; read++) t.is((await store.list("a/")).length, 1);
  await store.sweep();
  // The server drops a consumer without a subscriber, but only after seconds.
  const left = () => proxy.sent("$JS.API.CONSUMER.CREATE.") - proxy.sent("$JS.API.CONSUMER.DELETE.");
  await waitUntil("all consumers are deleted but that of the watch that goes on", () => left() === 1);
  const connection = await connect({ servers: server.url });
  t.teardown(() => connection.close());
  const { streams } = await connection.jetstreamManager();
  await waitUntil("it is alone", async () => (await streams.info("KV_signet")).state.consumer_count === 1);
  t.true(proxy.sent("$JS.API.CONSUMER.DELETE.") > 50, "control: they were counted");
});
