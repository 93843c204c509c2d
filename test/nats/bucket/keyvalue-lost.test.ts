import type { ExecutionContext } from "ava";
import type { JetStreamManager } from "nats";
import { Bucket } from "../../../src/nats/bucket/bucket.ts";
import type { NatsLink } from "../../../src/nats/link.ts";
import { HANGS_MS } from "../../support/bounded.ts";
import { startNats, testWithNats } from "../../support/nats/nats-server.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { bytes, connectStore, createSurely, type StoreUnderTest, watching } from "./store-under-test.ts";

async function deleteBucket(link: NatsLink): Promise<void> {
  const manager = await link.connection?.jetstreamManager({ timeout: HANGS_MS });
  await manager?.streams.delete("KV_signet");
}

async function allIsLost(t: ExecutionContext, { store }: StoreUnderTest): Promise<void> {
  const next = () => store.watch("", new AbortController().signal)[Symbol.asyncIterator]().next();
  for (const call of [() => store.get("a"), () => store.create("b", bytes("1")), () => store.delete("a"), next]) {
    t.is((await t.throwsAsync(call))?.message.split(":")[0], "the bucket signet is not the one that was opened");
  }
}

testWithNats("a bucket that was deleted is LOST to watches and calls, and a new store can begin again", async (t) => {
  const server = await startNats(t);
  const used = await connectStore(t, server.url);
  await used.store.create("a", bytes("1"));
  const seen = await watching(t, used.store, "");
  await deleteBucket(used.link);
  t.is((await seen.ended)?.code, "LOST");
  await allIsLost(t, used);
  const { store } = await connectStore(t, server.url);
  t.is(await store.get("a"), undefined);
  t.is(await store.create("a", bytes("2")), 1);
});

testWithNats("a bucket that was created again is LOST, although it has more in it than before", async (t) => {
  const server = await startNats(t);
  const [used, other] = [await connectStore(t, server.url), await connectStore(t, server.url)];
  await used.store.create("a", bytes("1"));
  const seen = await watching(t, used.store, "");
  await deleteBucket(other.link);
  for (const key of ["a", "b", "c"]) await createSurely(other.store, key);
  t.is((await seen.ended)?.code, "LOST");
  await allIsLost(t, used);
});

testWithNats("an entry is not absent on the word of another bucket", async (t) => {
  const server = await startNats(t);
  const [used, other] = [await connectStore(t, server.url), await connectStore(t, server.url)];
  await used.store.create("a", bytes("1"));
  await deleteBucket(other.link);
  await other.store.create("other", bytes("1"));
  t.like(await t.throwsAsync(used.store.get("a")), { code: "LOST" });
});

testWithNats("a creation that is written below what was seen is LOST", async (t) => {
  const server = await startNats(t);
  const [used, other] = [await connectStore(t, server.url), await connectStore(t, server.url)];
  await used.store.create("a", bytes("1"));
  await used.store.create("b", bytes("1"));
  await deleteBucket(other.link);
  await other.store.create("other", bytes("1"));
  t.like(await t.throwsAsync(used.store.create("c", bytes("1"))), { code: "LOST" });
});

testWithNats("a server that comes back without its store is LOST", async (t) => {
  const server = await startNats(t);
  const used = await connectStore(t, server.url);
  await used.store.create("a", bytes("1"));
  const seen = await watching(t, used.store, "");
  await server.restart({ loseStore: true });
  t.is((await seen.ended)?.code, "LOST");
  await used.link.connected(AbortSignal.timeout(HANGS_MS));
  await allIsLost(t, used);
});

for (const more of [0, 5]) {
  const title = `a store from a backup is LOST${more > 0 ? ", also when others have written over what it lacks" : ""}`;
  testWithNats(title, async (t) => {
    const server = await startNats(t);
    const used = await connectStore(t, server.url);
    await used.store.create("a", bytes("1"));
    await server.kill9();
    const backup = await server.copyStore();
    await server.restart();
    await used.link.connected(AbortSignal.timeout(HANGS_MS));
    await createSurely(used.store, "b");
    const seen = await watching(t, used.store, "");
    // Others come first: the watch is kept away while they write.
    await server.kill9();
    await waitUntil("the outage is known", () => used.link.connection === undefined);
    const elsewhere = await startNats(t, { store: backup });
    const other = await connectStore(t, elsewhere.url);
    for (let index = 0; index < more; index++) await createSurely(other.store, `other/${index}`);
    await elsewhere.kill9();
    await server.restart({ from: backup });
    t.is((await seen.ended)?.code, "LOST");
  });
}

testWithNats("a restart with the same store is not LOST", async (t) => {
  const server = await startNats(t);
  const used = await connectStore(t, server.url);
  await used.store.create("a", bytes("1"));
  const seen = await watching(t, used.store, "");
  await server.restart();
  await used.link.connected(AbortSignal.timeout(HANGS_MS));
  await createSurely(used.store, "b");
  await waitUntil("the watch goes on", () => seen.keys().includes("b"));
  t.deepEqual(seen.keys(), ["a", "b"]);
});

testWithNats("a bucket is not lost by what is written while it is looked at", async (t) => {
  const server = await startNats(t);
  const { link } = await connectStore(t, server.url);
  const bucket = new Bucket(link, { replicas: 1, report: () => {} });
  await bucket.call("look", async (access) => {
    const { manager } = access;
    const writtenMeanwhile = async (name: string) => {
      const info = await manager.streams.info(name);
      bucket.sawRead(info.state.last_seq + 1);
      return info;
    };
    const looking = { manager: { streams: { info: writtenMeanwhile } } as unknown as JetStreamManager };
    t.is((await bucket.verify(looking)).state.last_seq, 0);
    // Control: what was seen before is.
    await t.throwsAsync(bucket.verify(access), { message: /ends with revision 0, but revision 1 was seen$/ });
  });
});
