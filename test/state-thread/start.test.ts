import { existsSync } from "node:fs";
import { chmod, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { mock } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { Worker } from "node:worker_threads";
import test, { type ExecutionContext } from "ava";
import { type FileUse, LIVE_FILE, openFileKeyValue } from "../../src/state/file.ts";
import { type KeyValue, StateError } from "../../src/state/keyvalue.ts";
import { startStateThread, type ThreadedKeyValue } from "../../src/state-thread/start.ts";
import { keyValueContract } from "../contract/keyvalue.ts";
import { HANGS_MS } from "../support/bounded.ts";
import { collect } from "../support/collect.ts";
import { tempFolder } from "../support/files/temp.ts";
import { waitUntil } from "../support/wait-until.ts";

const start = 1_700_000_000_000;
const value = Buffer.from("value");
const DYING = new URL("./dying-state.ts", import.meta.url);
const SILENT = new URL("./silent-state.ts", import.meta.url);
const HELD = new URL("../fault/service/held-state.ts", import.meta.url);

/** A thread without a file, which a test MUST give it: the thread ends with its last one. */
function startThread(t: ExecutionContext, { program, clock = { now: start } }: Surroundings = {}) {
  const deaths: unknown[] = [];
  const onDeath = (error: unknown) => void deaths.push(error);
  const thread = startStateThread(() => clock.now, onDeath, program);
  async function openFile(path: string, use?: FileUse): Promise<ThreadedKeyValue> {
    const store = await thread.open(path, use);
    t.teardown(() => store.close(1_000));
    return store;
  }
  return { openFile, deaths, clock };
}

interface Surroundings {
  readonly program?: URL;
  readonly clock?: { now: number };
}

async function open(t: ExecutionContext, options: Surroundings & { path?: string; use?: FileUse } = {}) {
  const path = options.path ?? join(await tempFolder(t), "state.db");
  const thread = startThread(t, options);
  return { ...thread, store: await thread.openFile(path, options.use), path };
}

/** As a service opens them. */
async function openBoth(t: ExecutionContext, options: Surroundings = {}) {
  const { store: state, path: statePath, ...thread } = await open(t, options);
  const livePath = join(dirname(statePath), "live.db");
  return { ...thread, state, statePath, live: await thread.openFile(livePath, LIVE_FILE), livePath };
}

/** The worker threads that are started from now on. Only for a test that runs alone. */
function startedThreads(t: ExecutionContext): readonly Worker[] {
  const workers: Worker[] = [];
  const onWorker = (worker: Worker) => void workers.push(worker);
  process.on("worker", onWorker);
  t.teardown(() => process.off("worker", onWorker));
  return workers;
}

/** Resolves when the one thread that was started has ended. */
async function ended(threads: readonly Worker[]): Promise<void> {
  await waitUntil("the thread has ended", () => threads.length === 1 && threads[0]?.threadId === -1);
}

/** Opens the file in the thread of the test, and closes it. */
async function openHere(path: string): Promise<void> {
  (await openFileKeyValue(path, () => start)).close();
}

function isUnlocked(path: string): Promise<boolean> {
  return openHere(path).then(
    () => true,
    () => false,
  );
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

test("a thread that dies is reported once, and every call and watch of both files is UNAVAILABLE, those in flight as well", async (t) => {
  const { state, live, deaths, openFile } = await openBoth(t, { program: DYING });
  const unavailable = { instanceOf: StateError, code: "UNAVAILABLE", message: "the state's thread has died" };
  const inFlight = [state, live].map((store) =>
    t.throwsAsync(collect(store.watch("", new AbortController().signal)), unavailable),
  );
  inFlight.push(t.throwsAsync(state.create("a", value), unavailable));
  await waitUntil("the death is reported", () => deaths.length > 0);
  await Promise.all(inFlight);
  for (const store of [state, live]) await refusesEverything(t, store);
  await t.throwsAsync(openFile(join(await tempFolder(t), "late.db")), unavailable);
  t.is(deaths.length, 1);
});

test("a thread that dies of its first file is reported by the opening alone", async (t) => {
  const { openFile, deaths } = startThread(t, { program: DYING });
  await t.throwsAsync(openFile("deadly.db"), { any: true, message: "dead" });
  await t.throwsAsync(openFile("deadly.db"), { code: "UNAVAILABLE" });
  t.deepEqual(deaths, []);
});

test("a thread that dies of its second file is reported, and the first is UNAVAILABLE", async (t) => {
  const { store, openFile, deaths } = await open(t, { program: DYING });
  await t.throwsAsync(openFile("deadly.db"), { any: true, message: "dead" });
  await refusesEverything(t, store);
  t.is(deaths.length, 1);
});

test.serial("two files have one thread, which ends with the last of them, and then opens none", async (t) => {
  const threads = startedThreads(t);
  const { state, statePath, live, openFile, deaths } = await openBoth(t);
  t.is(threads.length, 1);
  await state.close(HANGS_MS);
  await state.close(HANGS_MS);
  t.is(await live.create("a", value), 1);
  await live.close(HANGS_MS);
  await ended(threads);
  await t.throwsAsync(openFile(statePath), { instanceOf: StateError, code: "UNAVAILABLE" });
  t.deepEqual(deaths, []);
});

test("a first file that can't be opened leaves the second one alone, which opens meanwhile", async (t) => {
  const folder = await tempFolder(t);
  const thread = startThread(t);
  await writeFile(join(folder, "state.db"), "");
  await chmod(join(folder, "state.db"), 0o600);
  const refused = thread.openFile(join(folder, "state.db"));
  const opened = thread.openFile(join(folder, "live.db"), LIVE_FILE);
  await t.throwsAsync(refused, { code: "CORRUPT" });
  const live = await opened;
  t.is(await live.create("key", value), 1);
});

test("a call waits for one transaction of the other file, however many that one has waiting", async (t) => {
  const { state, live } = await openBoth(t);
  let answered = 0;
  const many = Array.from({ length: 1_000 }, async (_, at) => {
    await live.create(`many/${at}`, value);
    answered++;
  });
  await state.create("key", value);
  t.true(answered < many.length, `${answered} of ${many.length} were answered before`);
  await Promise.all(many);
  t.is(answered, many.length);
});

test.serial("a thread whose only file can't be opened ends", async (t) => {
  const threads = startedThreads(t);
  const { openFile, deaths } = startThread(t);
  await t.throwsAsync(openFile("/dev/null/deeper/state.db"), { code: "UNAVAILABLE" });
  t.is(threads.length, 1);
  await ended(threads);
  t.deepEqual(deaths, []);
});

for (const first of ["state", "live"] as const)
  test(`when ${first}.db is closed first, it is unlocked, and the other one goes on with its watches`, async (t) => {
    const { state, statePath, live, livePath, deaths } = await openBoth(t);
    const both = [
      { store: state, path: statePath },
      { store: live, path: livePath },
    ] as const;
    const [closing, other] = first === "state" ? both : [both[1], both[0]];
    const written = firstWritten(other.store);
    await closing.store.close(HANGS_MS);
    await t.notThrowsAsync(openHere(closing.path));
    await refusesEverything(t, closing.store);
    await t.throwsAsync(openHere(other.path), { code: "LOCKED" });
    t.is(await other.store.create("a", value), 1);
    t.is(await written, "a");
    t.deepEqual(deaths, []);
  });

async function firstWritten(store: KeyValue): Promise<string | undefined> {
  for await (const change of store.watch("", new AbortController().signal))
    if (change.type === "put") return change.entry.key;
  return undefined;
}

/** For each error, a path whose opening fails with it: that of the argument, where it can be. */
const REFUSALS: Readonly<Record<string, (t: ExecutionContext, path: string) => Promise<string>>> = {
  async LOCKED(t, path) {
    const holder = await openFileKeyValue(path, () => start);
    t.teardown(() => holder.close());
    return path;
  },
  async CORRUPT(_, path) {
    await writeFile(path, "", { mode: 0o600 });
    return path;
  },
  async EXPOSED(_, path) {
    await openHere(path);
    await chmod(path, 0o644);
    return path;
  },
  UNAVAILABLE: async () => "/dev/null/deeper/live.db",
};

for (const [code, prepare] of Object.entries(REFUSALS))
  test(`a second file that is ${code} is refused as by itself, and the thread serves the first, and then another`, async (t) => {
    const { store, openFile, deaths } = await open(t);
    const path = await prepare(t, join(await tempFolder(t), "live.db"));
    const byItself = await t.throwsAsync(openHere(path), { instanceOf: StateError, code });
    await t.throwsAsync(openFile(path), { instanceOf: StateError, code, message: byItself.message });
    t.is(await store.create("a", value), 1);
    const live = await openFile(join(await tempFolder(t), "live.db"), LIVE_FILE);
    t.is(await live.create("a", value), 1);
    t.is((await store.get("a"))?.revision, 1);
    t.deepEqual(deaths, []);
  });

test("a file that can't be closed in time is closed once its disk answers, and the other one goes on", async (t) => {
  const { state, statePath, live, deaths } = await openBoth(t, { program: HELD });
  await writeFile(`${statePath}.hold`, "");
  const creating = t.throwsAsync(state.create("a", value), { code: "UNAVAILABLE" });
  await waitUntil("the disk is held up", () => existsSync(`${statePath}.held`));
  await state.close(1);
  await creating;
  await t.throwsAsync(openHere(statePath), { code: "LOCKED" });
  await rm(`${statePath}.hold`);
  t.is(await live.create("a", value), 1);
  await waitUntil("it is unlocked", () => isUnlocked(statePath));
  t.deepEqual(deaths, []);
});

test.serial(
  "when the last file can't be closed in time, the thread is terminated, and both are unlocked",
  async (t) => {
    const threads = startedThreads(t);
    const { state, statePath, live, livePath, deaths } = await openBoth(t, { program: HELD });
    await writeFile(`${statePath}.hold`, "");
    const creating = t.throwsAsync(state.create("a", value), { code: "UNAVAILABLE" });
    await waitUntil("the disk is held up", () => existsSync(`${statePath}.held`));
    await live.close(1);
    await state.close(1);
    await creating;
    await ended(threads);
    t.true(existsSync(`${statePath}.hold`));
    for (const path of [statePath, livePath]) t.true(await isUnlocked(path));
    t.deepEqual(deaths, []);
  },
);

test.serial("a call waits while the thread answers those of another file, and then for 30 s", async (t) => {
  const { store, openFile } = await open(t, { program: SILENT });
  const silent = await openFile("silent.db");
  mock.timers.enable({ apis: ["setTimeout"] });
  t.teardown(() => mock.timers.reset());
  let failed = false;
  const failing = t.throwsAsync(
    silent.get("a").finally(() => {
      failed = true;
    }),
    { instanceOf: StateError, code: "UNAVAILABLE", message: "the state's file has not answered for 30000 ms" },
  );
  await store.get("a");
  mock.timers.tick(30_000);
  await turn();
  t.false(failed);
  mock.timers.tick(29_999);
  await turn();
  t.false(failed);
  mock.timers.tick(1);
  await failing;
});

async function refusesEverything(t: ExecutionContext, store: ThreadedKeyValue): Promise<void> {
  const calls = [
    () => store.get("a"),
    () => store.writeAll([{ key: "b", value }]),
    () => collect(store.watch("", new AbortController().signal)),
  ];
  for (const call of calls) await t.throwsAsync(call, { instanceOf: StateError, code: "UNAVAILABLE" });
}
