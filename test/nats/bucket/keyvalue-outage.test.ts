import { HANGS_MS } from "../../support/bounded.ts";
import { startNats, testWithNats } from "../../support/nats/nats-server.ts";
import { startTcpProxy } from "../../support/nats/tcp-proxy.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { bytes, connectStore, createSurely, UNANSWERED, watching } from "./store-under-test.ts";

testWithNats(
  "a watch yields what was written while it was cut off, where a plain subscription misses it",
  async (t) => {
    const server = await startNats(t);
    const proxy = await startTcpProxy(t, server.url);
    const [near, far] = [await connectStore(t, server.url), await connectStore(t, proxy.url)];
    await near.store.create("keys/a", bytes("1"));
    await near.store.create("keys/doomed", bytes("1"));
    const seen = await watching(t, far.store, "keys/");
    const plain: string[] = [];
    far.link.connection?.subscribe("$KV.signet.keys.>", { callback: (_, { subject }) => void plain.push(subject) });
    await far.link.connection?.flush();
    proxy.cut();
    await waitUntil("it is cut off", () => far.link.connection === undefined);
    await near.store.create("keys/b", bytes("2"));
    await near.store.delete("keys/doomed");
    proxy.heal();
    await waitUntil("the deletion is seen", () => seen.changes.some(({ type }) => type === "delete"));
    await near.store.create("keys/c", bytes("3"));
    await waitUntil("all is seen", () => seen.keys().includes("keys/c"));
    await waitUntil("the plain subscription works again", () => plain.length > 0);
    t.deepEqual(seen.keys(), ["keys/a", "keys/doomed", "keys/b", "keys/c"]);
    t.deepEqual(seen.changes.filter(({ type }) => type === "current").length, 1);
    t.deepEqual(plain, ["$KV.signet.keys.c"]);
  },
);

testWithNats("kill -9 and a restart lose nothing: calls are refused at once, watches go on", async (t) => {
  const server = await startNats(t);
  const { link, store } = await connectStore(t, server.url);
  const seen = await watching(t, store, "");
  const written: string[] = [];
  for (let round = 0; round < 3; round++) {
    for (const key of [`${round}/a`, `${round}/b`]) {
      await createSurely(store, key);
      written.push(key);
    }
    await server.kill9();
    await waitUntil("the outage is known", () => link.connection === undefined);
    // By then it may have been dialled again.
    const refused = /^reading 0\/a: not connected to NATS \((?:disconnected|CONNECTION_REFUSED)\)$/;
    await t.throwsAsync(store.get("0/a"), { message: refused });
    await server.restart();
    await link.connected(AbortSignal.timeout(HANGS_MS));
  }
  await createSurely(store, "end");
  await waitUntil("all is seen", () => seen.keys().includes("end"));
  t.deepEqual(seen.keys(), [...written, "end"]);
  for (const key of written) t.is((await store.get(key))?.key, key);
});

testWithNats("a watch that never was current says that the store can't be reached", async (t) => {
  const server = await startNats(t);
  const { link, store } = await connectStore(t, server.url);
  await server.kill9();
  await waitUntil("the outage is known", () => link.connection === undefined);
  const first = store.watch("", new AbortController().signal)[Symbol.asyncIterator]().next();
  t.like(await t.throwsAsync(first), { code: "UNAVAILABLE" });
});

testWithNats("a server that stands still for six seconds loses no creation and lets no caller win twice", async (t) => {
  const server = await startNats(t);
  const [one, other] = [await connectStore(t, server.url, UNANSWERED), await connectStore(t, server.url, UNANSWERED)];
  await one.store.create("before", bytes("1"));
  const seen = await watching(t, other.store, "");
  server.pause();
  // The signal takes a moment to stop all threads.
  await waitUntil("it stands still", () =>
    one.store.get("before").then(
      () => false,
      () => true,
    ),
  );
  const creations: string[] = [];
  for (const key of ["a", "b"]) {
    const outcomes = await Promise.allSettled([one, other].map(({ store }) => store.create(key, bytes(key))));
    for (const outcome of outcomes) creations.push(outcome.status === "rejected" ? outcome.reason.code : "answered");
  }
  server.resume();
  t.deepEqual(new Set(creations), new Set(["UNAVAILABLE"]));
  await createSurely(one.store, "end");
  await waitUntil("the end is seen", () => seen.keys().includes("end"));
  const keys = seen.keys();
  t.is(new Set(keys).size, keys.length, "each key is seen once");
  t.deepEqual(
    seen.revisions(),
    seen.revisions().toSorted((left, right) => left - right),
  );
  for (const key of ["a", "b"]) t.is((await one.store.get(key)) !== undefined, keys.includes(key));
});

testWithNats("a bucket that does not answer at its first use is asked again, until the call is over", async (t) => {
  const server = await startNats(t);
  const proxy = await startTcpProxy(t, server.url);
  const [slow, silent] = [
    await connectStore(t, proxy.url, UNANSWERED),
    await connectStore(t, proxy.url, { callMs: 2_000 }),
  ];
  proxy.hold();
  const creation = slow.store.create("key", bytes("1"));
  await waitUntil("it was asked again", () => proxy.sent("PUB $JS.API.STREAM.INFO.KV_signet ") === 2);
  proxy.release();
  t.is(await creation, 1);
  // Control: one that never answers.
  proxy.hold();
  t.like(await t.throwsAsync(silent.store.create("key", bytes("2"))), {
    code: "UNAVAILABLE",
    message: "creating key: no answer from NATS within 2000 ms",
  });
});

testWithNats("a creation whose answer was lost is found to have won", async (t) => {
  const server = await startNats(t);
  const proxy = await startTcpProxy(t, server.url);
  const [near, far] = [await connectStore(t, server.url), await connectStore(t, proxy.url, UNANSWERED)];
  await createSurely(far.store, "before");
  proxy.hold();
  const creation = far.store.create("key", bytes("far"));
  await waitUntil("it was offered again", () => proxy.sent("PUB $KV.signet.key ") === 2);
  proxy.release();
  const revision = await creation;
  t.is((await near.store.get("key"))?.revision, revision);
  t.is(await near.store.create("key", bytes("near")), undefined);
});

testWithNats("a creation that lost, and whose answer was lost too, is reported as lost", async (t) => {
  const server = await startNats(t);
  const proxy = await startTcpProxy(t, server.url);
  const [near, far] = [await connectStore(t, server.url), await connectStore(t, proxy.url, UNANSWERED)];
  await createSurely(far.store, "before");
  const revision = await near.store.create("key", bytes("near"));
  proxy.hold();
  const creation = far.store.create("key", bytes("far"));
  await waitUntil("it was offered again", () => proxy.sent("PUB $KV.signet.key ") === 2);
  proxy.release();
  t.is(await creation, undefined);
  t.is((await near.store.get("key"))?.revision, revision);
});

testWithNats("a creation whose answer was lost, of a key that was updated since, has an unknown outcome", async (t) => {
  const server = await startNats(t);
  const proxy = await startTcpProxy(t, server.url);
  const [near, far] = [await connectStore(t, server.url), await connectStore(t, proxy.url, UNANSWERED)];
  await createSurely(far.store, "before");
  proxy.hold();
  const creation = far.store.create("key", bytes("far"));
  await waitUntil("it has landed", async () => (await near.store.get("key")) !== undefined);
  const landed = await near.store.get("key");
  await near.store.update("key", bytes("near"), landed?.revision ?? 0);
  await waitUntil("it was offered again", () => proxy.sent("PUB $KV.signet.key ") === 2);
  proxy.release();
  t.like(await t.throwsAsync(creation), { code: "UNAVAILABLE" });
});
