import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { type FileUse, LIVE_FILE, openFileKeyValue } from "../../src/state/file.ts";
import { StateError } from "../../src/state/keyvalue.ts";
import { startStateThread, type ThreadedKeyValue } from "../../src/state-thread/start.ts";
import { keyValueContract } from "../contract/keyvalue.ts";
import { collect } from "../support/collect.ts";
import { tempFolder } from "../support/files/temp.ts";
import { waitUntil } from "../support/wait-until.ts";

const start = 1_700_000_000_000;
const value = Buffer.from("value");

async function open(
  t: ExecutionContext,
  {
    path,
    program,
    clock = { now: start },
    use,
  }: { path?: string; program?: URL; clock?: { now: number }; use?: FileUse } = {},
) {
  const deaths: unknown[] = [];
  const onDeath = (error: unknown) => void deaths.push(error);
  const file = path ?? join(await tempFolder(t), "state.db");
  const store = await startStateThread(file, () => clock.now, onDeath, program, use);
  t.teardown(() => store.close(1_000));
  return { store, path: file, deaths, clock };
}

// One after the other: each test has a thread of its own.
keyValueContract(test.serial, (t) => open(t));
keyValueContract(
  (title, implementation) => test.serial(`the live store: ${title}`, implementation),
  (t) => open(t, { use: LIVE_FILE }),
  LIVE_FILE.maxValueBytes,
);

test("ten thousand entries come through a watch in the order of their revisions, with changes meanwhile", async (t) => {
  const { store } = await open(t);
  const keys = Array.from({ length: 10_000 }, (_, at) => `many/${at}`);
  for (let at = 0; at < keys.length; at += 1_000)
    await store.writeAll(keys.slice(at, at + 1_000).map((key) => ({ key, value })));
  const seen: string[] = [];
  let overwritten: number | undefined;
  for await (const change of store.watch("many/", new AbortController().signal)) {
    if (change.type !== "put") continue;
    seen.push(change.entry.key);
    // It was listed when the watch began, and is read after it was overwritten.
    if (seen.length === 1) overwritten = await store.update("many/9999", Buffer.from("later"), 10_000);
    if (change.entry.key !== "many/9999") continue;
    t.is(Buffer.from(change.entry.value).toString(), "later");
    break;
  }
  t.is(overwritten, 10_001);
  t.deepEqual(seen, keys);
});

test("a second opener is refused as LOCKED, and after a close nothing is", async (t) => {
  const { store, path } = await open(t);
  await t.throwsAsync(open(t, { path }), { instanceOf: StateError, code: "LOCKED" });
  await t.throwsAsync(
    openFileKeyValue(path, () => start),
    { instanceOf: StateError, code: "LOCKED" },
  );
  await store.create("a", value);
  await store.close(5_000);
  const again = await open(t, { path });
  t.is((await again.store.get("a"))?.revision, 1);
});

test("an error keeps its code and its causes on the way between the threads", async (t) => {
  const error = await t.throwsAsync<StateError & { cause: Error & { cause: Error & { code?: unknown } } }>(
    open(t, { path: "/dev/null/deeper/state.db" }),
  );
  t.is(error.code, "UNAVAILABLE");
  t.regex(error.message, /^\/dev\/null\/deeper can't be used: /);
  t.is(error.cause.cause.code, "EEXIST");
});

test("after a close every call and watch is UNAVAILABLE, those in flight as well", async (t) => {
  const { store, deaths } = await open(t);
  const watching = collect(store.watch("", new AbortController().signal));
  const watched = t.throwsAsync(watching, { instanceOf: StateError, code: "UNAVAILABLE" });
  await store.create("a", value);
  await store.close(5_000);
  await watched;
  await refusesEverything(t, store);
  t.deepEqual(deaths, []);
});

test("a thread that dies is reported once, and every call and watch is UNAVAILABLE, those in flight as well", async (t) => {
  const { store, deaths } = await open(t, { program: new URL("./dying-state.ts", import.meta.url) });
  const watched = t.throwsAsync(collect(store.watch("", new AbortController().signal)), { code: "UNAVAILABLE" });
  const creating = t.throwsAsync(store.create("a", value), { code: "UNAVAILABLE" });
  await waitUntil("the death is reported", () => deaths.length > 0);
  await Promise.all([watched, creating]);
  await refusesEverything(t, store);
  t.is(deaths.length, 1);
});

async function refusesEverything(t: ExecutionContext, store: ThreadedKeyValue): Promise<void> {
  const calls = [
    () => store.get("a"),
    () => store.writeAll([{ key: "b", value }]),
    () => collect(store.watch("", new AbortController().signal)),
  ];
  for (const call of calls) await t.throwsAsync(call, { instanceOf: StateError, code: "UNAVAILABLE" });
}
