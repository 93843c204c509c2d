import { once } from "node:events";
import { chmod, readFile, rename, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { openFileKeyValue } from "../../src/state/file.ts";
import { tempFolder } from "../support/files/temp.ts";
import { startRemote } from "../support/service/remote-service.ts";
import { issue, listKeys, type Service } from "../support/service/service.ts";
import { refusedStart, spawnService } from "../support/service/service-process.ts";

const refusal = (t: ExecutionContext, data: string, env: Record<string, string> = {}) => refusedStart(t, { data, env });
const kidsOf = async (service: Service) => (await listKeys(service)).keys.map(({ keyId }) => keyId);

test.serial("a second process on a data folder ends with 75 and says so, and the first is not disturbed", async (t) => {
  const data = await tempFolder(t);
  const first = await startRemote(t, { data });
  const { code, text } = await refusal(t, data);
  t.is(code, 75);
  t.regex(text, /^error: DATA_IN_USE: .*state\.db is in use: only one process may have it open at a time\n$/);
  await t.notThrowsAsync(issue(first));
});

test.serial(
  "keys whose KEK is gone end with 66, no new keys are made, and the KEK brings the old ones back",
  async (t) => {
    const data = await tempFolder(t);
    const [kek, hidden] = [join(data, "kek"), join(await tempFolder(t), "kek")];
    const first = await startRemote(t, { data });
    const kids = await kidsOf(first);
    t.is(await first.process.stop(), 0);
    await rename(kek, hidden);
    const { code, text } = await refusal(t, data);
    t.is(code, 66);
    t.is(
      text,
      `error: KEK_MISSING: ${kek} is missing, and keys are sealed under it: put it back (a new one can't open them)\n`,
    );
    await t.throwsAsync(readFile(kek), { code: "ENOENT" }, "no new KEK");
    await rename(hidden, kek);
    t.deepEqual(await kidsOf(await startRemote(t, { data })), kids);
  },
);

for (const [what, spoil, text] of [
  [
    "another KEK",
    (kek: string) => writeFile(kek, `${"A".repeat(43)}\n`),
    /under the key-encryption key \S+, and not under the given \S+/,
  ],
  [
    "a KEK that others may read",
    (kek: string) => chmod(kek, 0o644),
    /has mode 0644: others must have no access to it \(chmod o-rwx /,
  ],
  ["a KEK that is cut off", (kek: string) => writeFile(kek, "AAAA"), /holds 3 bytes: it must hold 32/],
] as const) {
  test.serial(`${what} over existing keys ends with 77`, async (t) => {
    const data = await tempFolder(t);
    await (await spawnService(t, { data })).stop();
    await spoil(join(data, "kek"));
    const refused = await refusal(t, data);
    t.is(refused.code, 77);
    t.regex(refused.text, text);
  });
}

test.serial("no KEK on an empty data folder ends with 66 where none may be made", async (t) => {
  const data = await tempFolder(t);
  const { code } = await refusal(t, data, { SIGNET_KEK_CREATE: "false" });
  t.is(code, 66);
  await t.throwsAsync(readFile(join(data, "kek")), { code: "ENOENT" });
});

test.serial("faults of the configuration end with 78, all at once", async (t) => {
  const env = { SIGNET_GRPC_ADRESS: "x", SIGNET_SHUTDOWN_GRACE: "soon" };
  const { code, text } = await refusal(t, await tempFolder(t), env);
  t.is(code, 78);
  t.regex(text, /^SIGNET_GRPC_ADRESS: is not the name of a configuration key \(known: SIGNET_GRPC_ADDRESS, /m);
  t.regex(text, /^SIGNET_SHUTDOWN_GRACE shutdown\.grace: must be a duration/m);
});

for (const side of ["GRPC", "HTTP"] as const) {
  test.serial(`a taken ${side} port ends with 69 and names it, and leaves no lock behind`, async (t) => {
    const holder = createServer().listen(0, "127.0.0.1");
    await once(holder, "listening");
    t.teardown(() => holder.close());
    const address = `127.0.0.1:${(holder.address() as AddressInfo).port}`;
    const data = await tempFolder(t);
    const { code, text } = await refusal(t, data, { [`SIGNET_${side}_ADDRESS`]: address });
    t.is(code, 69);
    t.regex(
      text,
      new RegExp(`^error: CANT_LISTEN: ${side === "GRPC" ? "gRPC" : "HTTP"} can't listen at ${address}: .+\n$`),
    );
    await t.notThrowsAsync(spawnService(t, { data }));
  });
}

test.serial(
  "a data folder whose state is damaged ends with 74 and names the file, and nothing is made over it",
  async (t) => {
    const data = await tempFolder(t);
    await (await spawnService(t, { data })).stop();
    const file = join(data, "state", "state.db");
    const damaged = (await readFile(file)).fill(0xff, 0, 200);
    await writeFile(file, damaged);
    const { code, text } = await refusal(t, data);
    t.is(code, 74);
    t.regex(text, /^error: STATE: .*state\.db is damaged/);
    t.deepEqual(await readFile(file), damaged);
  },
);

for (const [what, path, mode] of [
  ["file", "state/state.db", 0o604],
  ["folder", "state", 0o755],
] as const) {
  test.serial(`a ${what} of the state that others may read ends with 74 and says how to close it`, async (t) => {
    const data = await tempFolder(t);
    await (await spawnService(t, { data })).stop();
    await chmod(join(data, path), mode);
    const { code, text } = await refusal(t, data);
    t.is(code, 74);
    t.regex(text, /^error: STATE: .* has mode 0[67][05][45]: others must have no access to it \(chmod o-rwx /);
  });
}

test.serial("a stored ring that was changed ends with 65, and is left as it is", async (t) => {
  const data = await tempFolder(t);
  await (await spawnService(t, { data })).stop();
  const file = join(data, "state", "state.db");
  const spoilt = await changeValue(file, "keys/service/epoch/1", (text) => text.replace("signUntil", "signAfter"));
  const { code, text } = await refusal(t, data);
  t.is(code, 65);
  t.regex(
    text,
    /^error: KEYS_DAMAGED: the entries under keys\/service\/epoch\/ hold no authentic epoch of keyset service: /,
  );
  t.deepEqual(await changeValue(file, "keys/service/epoch/1", (value) => value), spoilt);
});

test.serial("a Node with known faults ends with 71, and the error names the version that is needed", async (t) => {
  const older = "Object.defineProperty(process,'versions',{value:{...process.versions,node:'24.14.0'}})";
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(older)}` };
  const { code, text } = await refusal(t, await tempFolder(t), env);
  t.is(code, 71);
  t.is(text, "error: OLD_NODE: Signet needs Node >=24.14.1, this is 24.14.0\n");
});

/** Writes a value as the store itself would, with a good checksum; answers all epochs of the ring. */
async function changeValue(file: string, key: string, change: (text: string) => string): Promise<string[]> {
  const store = await openFileKeyValue(file, Date.now);
  try {
    const entry = await store.get(key);
    if (entry === undefined) throw new Error(`there is no ${key}`);
    await store.update(key, Buffer.from(change(Buffer.from(entry.value).toString())), entry.revision);
    const values: string[] = [];
    for await (const change of store.watch("keys/", new AbortController().signal)) {
      if (change.type === "current") break;
      if (change.type === "put") values.push(`${change.entry.key} ${Buffer.from(change.entry.value).toString()}`);
    }
    return values;
  } finally {
    store.close();
  }
}
