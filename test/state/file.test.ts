import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import type { ExecutionContext } from "ava";
import test from "ava";
import fc from "fast-check";
import { type FileUse, LIVE_FILE, openFileKeyValue, STATE_FILE } from "../../src/state/file.ts";
import { type Change, StateError } from "../../src/state/keyvalue.ts";
import type { LocalKeyValue } from "../../src/state/local.ts";
import { keyValueContract } from "../contract/keyvalue.ts";

const start = 1_700_000_000_000;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function freshPath(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), "signet-state-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return join(folder, "state.db");
}

async function codeOf(t: ExecutionContext, path: string): Promise<string | undefined> {
  return (await refusal(t, path))?.code;
}

function refusal(t: ExecutionContext, path: string): Promise<StateError | undefined> {
  return t.throwsAsync(
    openFileKeyValue(path, () => start),
    { instanceOf: StateError },
  );
}

const open = (use: FileUse) => async (t: ExecutionContext) => {
  const clock = { now: start };
  const store = await openFileKeyValue(freshPath(t), () => clock.now, use);
  t.teardown(() => store.close());
  return { store, clock };
};

keyValueContract(test, open(STATE_FILE));
keyValueContract(
  (title, implementation) => test(`the live store: ${title}`, implementation),
  open(LIVE_FILE),
  LIVE_FILE.maxValueBytes,
);

test("what was written is there after a restart, and revisions go on where they were", async (t) => {
  const path = freshPath(t);
  const before = await openFileKeyValue(path, () => start);
  await before.create("a", bytes("one"), { expiresAt: start + 5 });
  const deleted = (await before.create("b", bytes("two"))) ?? 0;
  await before.delete("b");
  const entry = await before.get("a");
  before.close();
  const after = await openFileKeyValue(path, () => start);
  t.deepEqual(await after.get("a"), entry);
  t.true(((await after.create("c", bytes("three"))) ?? 0) > deleted);
  after.close();
});

test("a file that was renamed takes no writes until it is renamed back, and reads go on", async (t) => {
  const path = freshPath(t);
  const store = await openFileKeyValue(path, () => start);
  t.teardown(() => store.close());
  const revision = (await store.create("a", bytes("one"))) ?? 0;
  renameSync(path, `${path}.away`);
  const gone = {
    instanceOf: StateError,
    code: "UNAVAILABLE",
    message: `${path} can't be used: ${path} was removed, moved or replaced while it was in use`,
  };
  await t.throwsAsync(store.create("b", bytes("two")), gone);
  await t.throwsAsync(store.update("a", bytes("two"), revision), gone);
  await t.throwsAsync(store.delete("a"), gone);
  t.is((await store.get("a"))?.revision, revision);
  writeFileSync(path, "another file");
  await t.throwsAsync(store.create("b", bytes("two")), gone);
  t.is(readFileSync(path, "utf8"), "another file");
  renameSync(`${path}.away`, path);
  t.true(((await store.create("b", bytes("two"))) ?? 0) > revision);
});

test("a file that was unlinked can be copied from its open descriptor: nothing was written since", async (t) => {
  const path = freshPath(t);
  const store = await openFileKeyValue(path, () => start);
  t.teardown(() => store.close());
  await store.create("a", bytes("one"));
  rmSync(path);
  await t.throwsAsync(store.create("b", bytes("two")), { code: "UNAVAILABLE" });
  const fd = readdirSync("/proc/self/fd").find((one) => {
    try {
      return readlinkSync(`/proc/self/fd/${one}`) === `${path} (deleted)`;
    } catch {
      return false;
    }
  });
  const copy = freshPath(t);
  copyFileSync(`/proc/self/fd/${fd}`, copy);
  chmodSync(copy, 0o600);
  const other = await openFileKeyValue(copy, () => start);
  t.teardown(() => other.close());
  t.deepEqual([(await other.get("a"))?.value, await other.get("b")], [bytes("one"), undefined]);
});

test("a second opener in the same process is refused as LOCKED, and the first one keeps working", async (t) => {
  const path = freshPath(t);
  const store = await openFileKeyValue(path, () => start);
  const error = await refusal(t, path);
  t.is(error?.code, "LOCKED");
  t.regex(error?.message ?? "", /in use: only one process/);
  // The refused opener must not have dropped the lock of the first.
  t.is(await codeOf(t, path), "LOCKED");
  t.not(await store.create("a", bytes("1")), undefined);
  store.close();
  (await openFileKeyValue(path, () => start)).close();
});

test("another process's store is LOCKED until that process dies, and a kill loses no write that it printed", async (t) => {
  const path = freshPath(t);
  const holder = spawn(process.execPath, [fileURLToPath(import.meta.resolve("./hold-store.ts")), path], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const printed: string[] = [];
  const lines = createInterface({ input: holder.stdout });
  for await (const line of lines) {
    printed.push(line);
    if (printed.length === 1) t.is(await codeOf(t, path), "LOCKED");
    if (printed.length === 30) holder.kill("SIGKILL");
  }
  if (holder.exitCode === null && holder.signalCode === null) await once(holder, "exit");
  t.true(printed.length >= 30);
  const store = await openFileKeyValue(path, () => start);
  for (const index of printed) {
    t.is(Buffer.from((await store.get(`written/${index}`))?.value ?? []).toString(), index);
  }
  store.close();
});

test("the file is 0600 in a folder of 0700, and no draft is left beside it", async (t) => {
  const path = join(freshPath(t), "deeper", "state.db");
  (await openFileKeyValue(path, () => start)).close();
  t.is(statSync(path).mode & 0o777, 0o600);
  t.is(statSync(join(path, "..")).mode & 0o777, 0o700);
  t.deepEqual(readdirSync(join(path, "..")), ["state.db"]);
});

for (const mode of [0o604, 0o602, 0o601]) {
  test(`a file of mode ${mode.toString(8)} is refused as EXPOSED`, async (t) => {
    const path = freshPath(t);
    (await openFileKeyValue(path, () => start)).close();
    chmodSync(path, mode);
    t.is(await codeOf(t, path), "EXPOSED");
  });
}

test("a folder that others may enter is refused as EXPOSED", async (t) => {
  const path = freshPath(t);
  chmodSync(join(path, ".."), 0o755);
  t.is(await codeOf(t, path), "EXPOSED");
});

test("a file that is empty is damage, not a new store", async (t) => {
  const path = freshPath(t);
  (await openFileKeyValue(path, () => start)).close();
  truncateSync(path, 0);
  t.is(await codeOf(t, path), "CORRUPT");
});

test("a file that is cut off anywhere is refused as CORRUPT", async (t) => {
  const path = freshPath(t);
  const whole = await filledFile(path);
  for (let length = 0; length < whole.length; length += 509) {
    writeFileSync(path, whole.subarray(0, length));
    t.is(await codeOf(t, path), "CORRUPT", `cut at ${length} of ${whole.length}`);
  }
});

test("a file of something else is refused as CORRUPT", async (t) => {
  const path = freshPath(t);
  writeFileSync(path, "not a database, but long enough to look like one".repeat(100), { mode: 0o600 });
  t.is(await codeOf(t, path), "CORRUPT");
});

test("a value that changed behind SQLite's back is refused as CORRUPT", async (t) => {
  const path = freshPath(t);
  await filledFile(path);
  const database = new DatabaseSync(path);
  database.exec("UPDATE entries SET value = x'00' WHERE key = 'keys/3'");
  database.close();
  t.is(await codeOf(t, path), "CORRUPT");
});

test("a flipped bit is either found or changes nothing that is read", async (t) => {
  const path = freshPath(t);
  const whole = await filledFile(path);
  const expected = await everything(await openFileKeyValue(path, () => start));
  let found = 0;
  const flip = fc.record({ at: fc.nat(whole.length - 1), bit: fc.nat(7) });
  await fc.assert(
    fc.asyncProperty(flip, async ({ at, bit }) => {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << bit);
      writeFileSync(path, damaged);
      rmSync(`${path}-journal`, { force: true });
      let store: LocalKeyValue;
      try {
        store = await openFileKeyValue(path, () => start);
      } catch (error) {
        if (!(error instanceof StateError && error.code === "CORRUPT")) throw error;
        found += 1;
        return true;
      }
      return JSON.stringify(await everything(store)) === JSON.stringify(expected);
    }),
    { numRuns: 300 },
  );
  t.true(found > 50, `only ${found} of 300 flips were found`);
});

test("a closed store refuses every call and ends its watches as UNAVAILABLE", async (t) => {
  const store = await openFileKeyValue(freshPath(t), () => start);
  const watch = store.watch("", new AbortController().signal)[Symbol.asyncIterator]();
  t.deepEqual((await watch.next()).value, { type: "current" });
  const waiting = watch.next();
  store.close();
  t.is((await t.throwsAsync(waiting, { instanceOf: StateError }))?.code, "UNAVAILABLE");
  t.is((await t.throwsAsync(store.get("a"), { instanceOf: StateError }))?.code, "UNAVAILABLE");
  t.is((await t.throwsAsync(store.list(""), { instanceOf: StateError }))?.code, "UNAVAILABLE");
  t.is((await t.throwsAsync(store.create("a", bytes("1")), { instanceOf: StateError }))?.code, "UNAVAILABLE");
});

/** Twelve entries of 900 bytes; returns the file's bytes. */
async function filledFile(path: string): Promise<Buffer> {
  const store = await openFileKeyValue(path, () => start);
  for (let index = 0; index < 12; index++) await store.create(`keys/${index}`, Buffer.alloc(900, index + 1));
  store.close();
  return readFileSync(path);
}

/** Reads and closes the store. */
async function everything(store: LocalKeyValue): Promise<Change[]> {
  const changes: Change[] = [];
  for await (const change of store.watch("", new AbortController().signal)) {
    if (change.type === "current") break;
    changes.push(change);
  }
  store.close();
  return changes;
}
