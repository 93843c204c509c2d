import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import type { Verdict } from "../../src/keys/store/authenticated-record.ts";
import { openEntriesSnapshot } from "../../src/replica/entries-snapshot.ts";
import { openSnapshotFiles } from "../../src/replica/snapshot-files.ts";
import { createSnapshottedStore } from "../../src/replica/snapshotted-store.ts";
import { type Change, type KeyValue, StateError } from "../../src/state/keyvalue.ts";
import { createMemoryKeyValue } from "../../src/state/memory.ts";
import { tempFolder } from "../support/files/temp.ts";
import { waitUntil } from "../support/wait-until.ts";

const bytes = (text: string) => Buffer.from(text);

const AWAY: KeyValue = {
  get: () => Promise.reject(away()),
  create: () => Promise.reject(away()),
  update: () => Promise.reject(away()),
  writeAll: () => Promise.reject(away()),
  delete: () => Promise.reject(away()),
  list: () => Promise.reject(away()),
  // biome-ignore lint/correctness/useYield: it fails before it yields anything
  async *watch() {
    throw away();
  },
};

function away() {
  return new StateError("UNAVAILABLE", "unreachable");
}

/** Stands in for the check of MACs. */
function verdictOf({ value }: { readonly value: Uint8Array }): Verdict {
  if (value.byteLength === 0) return "emptied";
  const text = Buffer.from(value).toString();
  if (text === "sealed elsewhere") return "unknownKek";
  return text === "garbage" ? "garbage" : "authentic";
}

/** A replica that keeps its snapshots in `folder` and looks at `store`. */
async function opened(t: ExecutionContext, folder: string, store: KeyValue, mayStandIn = true) {
  const files = await openSnapshotFiles(folder, () => {});
  const problems: unknown[] = [];
  const snapshot = await openEntriesSnapshot(files, "secrets", (error) => void problems.push(error));
  // What is still being written would keep the folder from being removed.
  t.teardown(snapshot.saved);
  const restored: string[] = [];
  const kept = createSnapshottedStore({
    store,
    snapshot,
    judge: verdictOf,
    mayStandIn: () => mayStandIn,
    onRestored: (keys) => void restored.push(...keys),
  });
  return { kept, snapshot, restored, problems };
}

async function readAll(store: KeyValue, prefix = "secrets/"): Promise<string[]> {
  const changes: string[] = [];
  for await (const change of store.watch(prefix, new AbortController().signal)) {
    if (change.type === "current") return changes;
    changes.push(show(change));
  }
  throw new Error("the watch ended");
}

function show(change: Change): string {
  return change.type === "put" ? `${change.entry.key}=${Buffer.from(change.entry.value)}` : change.type;
}

const folderOf = async (t: ExecutionContext) => join(await tempFolder(t), "snapshots");
const memory = () => createMemoryKeyValue(() => 1_800_000_000_000);

/** What a replica remembers that has seen two rings, one of which has superseded its first epoch. */
async function remembered(t: ExecutionContext): Promise<string> {
  const folder = await folderOf(t);
  const { kept, snapshot } = await opened(t, folder, memory());
  await readAll(kept);
  const first = await kept.create("secrets/euler/_/epoch/1", bytes("one"));
  await kept.create("secrets/euler/_/epoch/2", bytes("two"));
  await kept.update("secrets/euler/_/epoch/1", bytes(""), first ?? 0);
  await kept.create("secrets/hivekit/acme/epoch/1", bytes("acme"));
  await snapshot.saved();
  return folder;
}

const BOTH = ["secrets/euler/_/epoch/2=two", "secrets/hivekit/acme/epoch/1=acme"];

test("the snapshot stands in for a store that is unreachable at the start, and then its failure is thrown", async (t) => {
  const { kept } = await opened(t, await remembered(t), AWAY);
  t.deepEqual(await readAll(kept), BOTH);
  t.deepEqual(await readAll(kept, "secrets/hivekit/"), BOTH.slice(1));
  const changes: string[] = [];
  const watching = async () => {
    for await (const change of kept.watch("secrets/", new AbortController().signal)) changes.push(show(change));
  };
  const error = await t.throwsAsync<StateError>(watching());
  t.is(error.code, "UNAVAILABLE");
  t.deepEqual(changes, [...BOTH, "current"]);
});

const listed = async (store: KeyValue, prefix = "secrets/"): Promise<string[]> =>
  (await store.list(prefix)).map((entry) => show({ type: "put", entry }));

test("the snapshot stands in for a list of an unreachable store, until everything was opened", async (t) => {
  const folder = await remembered(t);
  const { kept } = await opened(t, folder, AWAY);
  t.deepEqual(await listed(kept), BOTH);
  t.deepEqual(await listed(kept, "secrets/hivekit/"), BOTH.slice(1));
  t.is((await t.throwsAsync<StateError>(listed((await opened(t, folder, AWAY, false)).kept))).code, "UNAVAILABLE");
});

test("a list writes everything back into a store that was lost, and remembers what the store has", async (t) => {
  const store = memory();
  const folder = await remembered(t);
  const { kept, restored, snapshot } = await opened(t, folder, store);
  await store.create("secrets/new/_/epoch/1", bytes("new"));
  t.deepEqual((await listed(kept)).toSorted(), [...BOTH, "secrets/new/_/epoch/1=new"]);
  t.deepEqual((await listed(store)).toSorted(), [...BOTH, "secrets/new/_/epoch/1=new"]);
  t.deepEqual(restored, ["secrets/euler/_/epoch/2", "secrets/hivekit/acme/epoch/1"]);
  await snapshot.saved();
  t.is((await listed((await opened(t, folder, AWAY)).kept)).length, 3);
});

test("what the store has counts, also when it becomes unreachable before it has got back what it lost", async (t) => {
  const store = memory();
  await store.create("secrets/hivekit/acme/epoch/2", bytes("newer"));
  const readable: KeyValue = { ...store, create: AWAY.create };
  const { kept } = await opened(t, await remembered(t), readable);
  const expected = [BOTH[0], "secrets/hivekit/acme/epoch/2=newer"];
  t.deepEqual((await listed(kept)).toSorted(), expected);
  t.deepEqual([...new Set(await readAll(kept))].toSorted(), expected);
});

test("once everything was opened the snapshot no longer stands in: an older view may be outdated", async (t) => {
  const { kept } = await opened(t, await remembered(t), AWAY, false);
  t.is((await t.throwsAsync<StateError>(readAll(kept))).code, "UNAVAILABLE");
});

test("a replica that has never read everything has no snapshot that could stand in", async (t) => {
  const { kept } = await opened(t, await folderOf(t), AWAY);
  t.is((await t.throwsAsync<StateError>(readAll(kept))).code, "UNAVAILABLE");
});

test("nor has one that knows only what it wrote itself: a part would pass for the whole", async (t) => {
  const folder = await folderOf(t);
  const { kept, snapshot } = await opened(t, folder, memory());
  await kept.create("secrets/euler/_/epoch/1", bytes("one"));
  await snapshot.saved();
  const again = await opened(t, folder, AWAY);
  t.is((await t.throwsAsync<StateError>(readAll(again.kept))).code, "UNAVAILABLE");
});

test("it is remembered, too, that nothing was ever imported", async (t) => {
  const folder = await folderOf(t);
  const first = await opened(t, folder, memory());
  await readAll(first.kept);
  await first.snapshot.saved();
  t.deepEqual(await readAll((await opened(t, folder, AWAY)).kept), []);
});

test("a store that was lost gets everything back, byte for byte, before the reader has read everything", async (t) => {
  const store = memory();
  const { kept, restored } = await opened(t, await remembered(t), store);
  t.deepEqual(await readAll(kept), BOTH);
  t.deepEqual(await readAll(store), BOTH);
  t.deepEqual(restored, ["secrets/euler/_/epoch/2", "secrets/hivekit/acme/epoch/1"]);
});

test("a store that was rolled back gets what is newer, and keeps what it has", async (t) => {
  const store = memory();
  await store.create("secrets/euler/_/epoch/1", bytes("one"));
  await store.create("secrets/hivekit/acme/epoch/2", bytes("newer than was seen"));
  const { kept, restored } = await opened(t, await remembered(t), store);
  await readAll(kept);
  t.deepEqual(restored, ["secrets/euler/_/epoch/2"]);
  t.deepEqual(await readAll(store), [
    "secrets/euler/_/epoch/1=one",
    "secrets/hivekit/acme/epoch/2=newer than was seen",
    "secrets/euler/_/epoch/2=two",
  ]);
});

test("replicas that write back at the same time write each entry once", async (t) => {
  const store = memory();
  const folders = await Promise.all([remembered(t), remembered(t)]);
  const replicas = await Promise.all(folders.map((folder) => opened(t, folder, store)));
  await Promise.all(replicas.map(({ kept }) => readAll(kept)));
  t.deepEqual(replicas.flatMap(({ restored }) => restored).toSorted(), [
    "secrets/euler/_/epoch/2",
    "secrets/hivekit/acme/epoch/1",
  ]);
});

test("negative control: without a snapshot a store that was lost stays empty", async (t) => {
  const store = memory();
  const { kept, restored } = await opened(t, await folderOf(t), store);
  t.deepEqual(await readAll(kept), []);
  t.deepEqual(restored, []);
});

test("what others write is remembered too, and so is all of a burst", async (t) => {
  const folder = await folderOf(t);
  const store = memory();
  const { kept, snapshot } = await opened(t, folder, store);
  const stop = new AbortController();
  let seen = 0;
  const watching = (async () => {
    for await (const change of kept.watch("secrets/", stop.signal)) {
      if (change.type === "put") seen += 1;
      if (seen === 200) return;
    }
  })();
  for (let count = 1; count <= 200; count++) await store.create(`secrets/p${count}/_/epoch/1`, bytes(String(count)));
  await watching;
  await snapshot.saved();
  t.is((await readAll((await opened(t, folder, AWAY)).kept)).length, 200);
});

const EULER = "secrets/euler/_/epoch/2";

async function overwrite(store: KeyValue, key: string, text: string): Promise<void> {
  const revision = (await store.get(key))?.revision;
  if (revision === undefined) await store.create(key, bytes(text));
  else await store.update(key, bytes(text), revision);
}

const textAt = async (store: KeyValue, key: string) => String(Buffer.from((await store.get(key))?.value ?? "absent"));

for (const text of ["garbage", ""]) {
  test(`an epoch that was overwritten (${text}) is read from the snapshot, and put back`, async (t) => {
    const folder = await remembered(t);
    for (const read of [listed, readAll]) {
      const store = memory();
      for (const key of [EULER, "secrets/hivekit/acme/epoch/1"]) await store.create(key, bytes(text));
      await store.create("secrets/euler/_/epoch/999", bytes("garbage"));
      const { kept, restored, snapshot } = await opened(t, folder, store);
      t.true((await read(kept)).includes(BOTH[0] ?? ""));
      t.is(await textAt(store, EULER), "two");
      t.deepEqual(restored, [EULER, "secrets/hivekit/acme/epoch/1"]);
      await snapshot.saved();
      t.deepEqual(await listed((await opened(t, folder, AWAY)).kept), BOTH, "the snapshot is as good as before");
    }
  });

  test(`an epoch that is overwritten (${text}) while a reader watches is put back at once`, async (t) => {
    const store = memory();
    const { kept, restored } = await opened(t, await remembered(t), store);
    const stop = new AbortController();
    const seen: string[] = [];
    const watching = (async () => {
      for await (const change of kept.watch("secrets/", stop.signal)) seen.push(show(change));
    })();
    await waitUntil("it is current", () => seen.includes("current"));
    await overwrite(store, EULER, text);
    await waitUntil("it is back", async () => (await textAt(store, EULER)) === "two");
    await store.delete(EULER);
    await waitUntil("it is back again", async () => (await textAt(store, EULER)) === "two");
    stop.abort();
    await watching;
    t.deepEqual(restored.slice(2), [EULER, EULER]);
  });
}

test("an emptied epoch with something at the next place was superseded, and stays empty", async (t) => {
  const store = memory();
  await store.create(EULER, bytes(""));
  await store.create("secrets/euler/_/epoch/3", bytes("sealed elsewhere"));
  const { kept, restored } = await opened(t, await remembered(t), store);
  t.true((await listed(kept)).includes("secrets/euler/_/epoch/2=two"), "it is read nevertheless");
  t.is(await textAt(store, EULER), "");
  t.deepEqual(restored, ["secrets/hivekit/acme/epoch/1"]);
});

test("what another replica may be able to read is never written over", async (t) => {
  const store = memory();
  await store.create(EULER, bytes("sealed elsewhere"));
  const { kept } = await opened(t, await remembered(t), store);
  t.true((await listed(kept)).includes("secrets/euler/_/epoch/2=two"));
  t.is(await textAt(store, EULER), "sealed elsewhere");
});

test("a replica with the wrong KEK forgets nothing that it will need with the right one", async (t) => {
  const folder = await remembered(t);
  const files = await openSnapshotFiles(folder, () => {});
  const snapshot = await openEntriesSnapshot(files, "secrets", () => {});
  const judge = (): Verdict => "unknownKek";
  createSnapshottedStore({ store: memory(), snapshot, judge, mayStandIn: () => true, onRestored: () => {} });
  await snapshot.saved();
  t.deepEqual(await listed((await opened(t, folder, AWAY)).kept), BOTH);
});
