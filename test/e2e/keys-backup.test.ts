import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { nanos } from "nats";
import { createKekFile } from "../../src/jose/kek-source.ts";
import { wantedBucket } from "../../src/nats/bucket/config.ts";
import { STATE_BUCKET } from "../../src/nats/bucket/name.ts";
import { tempFolder } from "../support/files/temp.ts";
import { connect } from "../support/nats/connect.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { dialect, verdictOf } from "../support/profiles/dialect.ts";
import { signetProcess } from "../support/service/command-line.ts";
import { importKey } from "../support/service/key-calls.ts";
import { startRemote } from "../support/service/remote-service.ts";
import { issue, listKeys, type Service, verify } from "../support/service/service.ts";
import { type Ending, shared } from "../support/service/shared.ts";

const hivekit = (service: Service) => dialect(service, "hivekit", { tenant: "acme" });
const kidsOf = async (service: Service) => (await listKeys(service)).keys.map(({ keyId }) => keyId).toSorted();

/** A data folder whose service issued two tokens and has stopped, and the file that its keys were exported to. */
const exported = shared(test, async (t: Ending) => {
  const data = await tempFolder(t);
  const service = await startRemote(t, { data });
  await importKey(service, { profile: "hivekit", tenant: "acme", keyId: "k1" });
  const [own, vendors] = [await issue(service), await hivekit(service).issue({ sub: "u", allow_all: true })];
  const kids = await kidsOf(service);
  await service.process.stop();
  const file = join(await tempFolder(t), "keys.signet");
  const { code, stdout, stderr } = await signetProcess(["keys", "export", "--out", file], { data });
  if (code !== 0) throw new Error(stderr);
  return { data, file, kids, tokens: { own: own.token, vendors: vendors.token }, stdout };
});

/** A new data folder with the KEK of another one and nothing else. */
async function lost(t: ExecutionContext, data: string): Promise<string> {
  const folder = await tempFolder(t);
  await writeFile(join(folder, "kek"), await readFile(join(data, "kek")), { mode: 0o600 });
  return folder;
}

test("export, lose the data folder, restore: the same keys sign, and old tokens verify", async (t) => {
  const { data, file, kids, tokens, stdout } = await exported();
  t.is((await stat(file)).mode & 0o777, 0o600);
  t.regex(stdout, /^keyset service +epoch \d+ +\d+ keys?$/m);
  t.regex(stdout, /^the secrets of profile hivekit and a tenant +epoch 1 +1 key$/m);
  t.regex(stdout, /^exported, with 0 revocations$/m);
  const fresh = await lost(t, data);
  const restored = await signetProcess(["keys", "restore", file], { data: fresh });
  t.deepEqual(restored, { code: 0, stdout: stdout.replace("exported", "restored"), stderr: "" });
  const after = await startRemote(t, { data: fresh });
  t.deepEqual(await kidsOf(after), kids);
  t.like(await verify(after, tokens.own), { valid: true });
  t.is(verdictOf(await hivekit(after).verify(tokens.vendors)), "valid");
  t.true(kids.includes((await issue(after)).keyId));
});

testWithNats("keys of one process are restored into the bucket of replicas, which go on with them", async (t) => {
  const nats = await startNats(t);
  const { data, file, kids, tokens } = await exported();
  const fresh = await lost(t, data);
  const env = { SIGNET_NATS_URL: nats.url, SIGNET_STATE_STORE: "nats" };
  const restored = await signetProcess(["keys", "restore", file], { data: fresh, env });
  t.is(restored.code, 0, restored.stderr);
  // Without the permission of a first start: it finds the keys.
  const after = await startRemote(t, { data: fresh, env });
  t.deepEqual(await kidsOf(after), kids);
  t.like(await verify(after, tokens.own), { valid: true });
  const again = join(await tempFolder(t), "again.signet");
  t.is((await signetProcess(["keys", "export", "--out", again, "--json"], { data: fresh, env })).code, 0);
});

testWithNats(
  "with a restored backup, the policy that a new replica prints proves the log of one whose data folder is lost",
  async (t) => {
    const nats = await startNats(t);
    const env = { SIGNET_NATS_URL: nats.url };
    const data = await tempFolder(t);
    const first = await startRemote(t, { data, env });
    await issue(first);
    await first.process.stop();
    const file = join(await tempFolder(t), "keys.signet");
    t.like(await signetProcess(["keys", "export", "--out", file], { data, env }), { code: 0 });

    /** What `audit verify` says with the policy of a service that runs in this folder for a while. */
    const verifiedBy = async (folder: string) => {
      const service = await startRemote(t, { data: folder, env });
      await issue(service);
      const run = (...words: string[]) => signetProcess(words, { data: folder, env });
      const address = ["--address", service.process.grpc];
      t.like(await run("audit", "checkpoint", ...address), { code: 0 });
      const policy = join(folder, "audit.policy");
      await writeFile(policy, (await run("audit", "keys", ...address)).stdout);
      await service.process.stop();
      const { code, stdout } = await run("audit", "verify", "--json", "--policy", policy);
      return { code, ...JSON.parse(stdout) };
    };
    const restored = await lost(t, data);
    t.like(await signetProcess(["keys", "restore", file], { data: restored, env }), { code: 0 });
    const { code, proven, uncovered, writers, faults } = await verifiedBy(restored);
    t.deepEqual({ code, proven, uncovered, faults }, { code: 0, proven: true, uncovered: 0, faults: [] });
    t.is(writers.length, 2);

    // The negative control: without the backup the policy does not know the first writer.
    const forgotten = await verifiedBy(await lost(t, data));
    t.is(forgotten.code, 1);
    t.true(forgotten.counts.UNKNOWN_LOG > 0);
  },
);

testWithNats("from a bucket that forgets keys can be exported, and none are restored into one", async (t) => {
  const nats = await startNats(t);
  const { data, file } = await exported();
  const fresh = await lost(t, data);
  const env = { SIGNET_NATS_URL: nats.url, SIGNET_STATE_STORE: "nats" };
  const connection = await connect({ servers: nats.url });
  const { streams } = await connection.jetstreamManager();
  await streams.add({ ...wantedBucket(STATE_BUCKET, 1), max_age: nanos(3_600_000) });
  const refused = await signetProcess(["keys", "restore", file], { data: fresh, env });
  t.is(refused.code, 74);
  t.regex(refused.stderr, /max_age of KV_signet is 3600 s, allowed is off.*nats stream edit KV_signet --max-age=0s/);
  t.is((await streams.info("KV_signet")).state.messages, 0);
  await streams.update("KV_signet", { max_age: 0 });
  t.is((await signetProcess(["keys", "restore", file], { data: fresh, env })).code, 0);
  await streams.update("KV_signet", { max_age: nanos(3_600_000) });
  const again = join(await tempFolder(t), "again.signet");
  t.is((await signetProcess(["keys", "export", "--out", again], { data: fresh, env })).code, 0);
  await connection.close();
});

test("a refused restore or export leaves the store and the file as they were", async (t) => {
  const { data, file } = await exported();
  const content = await readFile(file);

  const twice = await signetProcess(["keys", "export", "--out", file], { data });
  t.like(twice, { code: 2, stdout: "", stderr: "error: the file of --out exists; it is never overwritten\n" });
  t.deepEqual(await readFile(file), content);
  t.deepEqual((await readdir(join(file, ".."))).length, 1, "no draft is left");

  const other = await tempFolder(t);
  await (await startRemote(t, { data: other })).process.stop();
  await rename(join(other, "kek"), join(other, "kek-of-its-own"));
  const withoutKek = await signetProcess(["keys", "restore", file], { data: other });
  t.is(withoutKek.code, 66);
  await createKekFile(join(other, "kek"));
  t.is((await signetProcess(["keys", "restore", file], { data: other })).code, 77);
  await rm(join(other, "kek"));
  await writeFile(join(other, "kek"), await readFile(join(data, "kek")), { mode: 0o600 });
  const over = await signetProcess(["keys", "restore", file], { data: other });
  t.like(over, { code: 2, stdout: "" });
  t.regex(over.stderr, /^error: EXISTS: keyset \S+: the store holds another epoch 1 than the backup/);

  const damaged = join(await tempFolder(t), "damaged.signet");
  await writeFile(damaged, content.subarray(0, content.length - 7));
  const empty = await lost(t, data);
  t.is((await signetProcess(["keys", "restore", damaged], { data: empty })).code, 65);
  const missing = join(empty, "no-such-file");
  const nowhere = await signetProcess(["keys", "restore", missing], { data: empty });
  t.like(nowhere, { code: 2, stdout: "" });
  t.true(nowhere.stderr.startsWith(`error: ${missing} can't be used: ENOENT: `), nowhere.stderr);
  t.deepEqual(await readdir(empty), ["kek"], "no store was made");
});

test("a store that is in use, and a folder without one, end with codes of their own", async (t) => {
  const data = await tempFolder(t);
  await startRemote(t, { data });
  const out = join(await tempFolder(t), "keys.signet");
  const inUse = await signetProcess(["keys", "export", "--out", out], { data });
  t.is(inUse.code, 75);
  t.regex(inUse.stderr, /^error: DATA_IN_USE: /);
  const misspelt = join(await tempFolder(t), "misspelt");
  await mkdir(misspelt);
  await writeFile(join(misspelt, "kek"), await readFile(join(data, "kek")), { mode: 0o600 });
  const { code, stderr } = await signetProcess(["keys", "export", "--out", out], { data: misspelt });
  t.is(code, 74);
  t.regex(stderr, /^error: STATE: there is no state at /);
  t.deepEqual(await readdir(misspelt), ["kek"]);
});
