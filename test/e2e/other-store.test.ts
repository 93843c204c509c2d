import { readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { tempFolder } from "../support/files/temp.ts";
import { serialTestWithNats, startNats } from "../support/nats/nats-server.ts";
import { lossToAccept, replicaSet, untilReady } from "../support/replicas/replicas.ts";
import { startRemote, untilLogged } from "../support/service/remote-service.ts";
import { listKeys } from "../support/service/service.ts";
import { spawnService } from "../support/service/service-process.ts";
import { waitUntil } from "../support/wait-until.ts";

serialTestWithNats(
  "a replica that has used a shared state does not start from the older keys of its file",
  async (t) => {
    const nats = await startNats(t);
    const set = await replicaSet(t, [nats.url]);
    const [replica] = await set.startAll(1);
    t.is(await replica?.process.stop(), 0);
    const data = await set.folderOf("replica-1");
    const outcome = await spawnService(t, { data }).then(
      () => "it started",
      (error: Error) => error.message,
    );
    t.regex(
      outcome,
      /^the service ended with 78: error: OTHER_STORE: state\.store is "file", but .* move .*snapshots away/,
    );

    await rename(join(data, "snapshots"), join(await tempFolder(t), "snapshots"));
    const { installation } = JSON.parse(await readFile(join(data, "spool", "identity.json"), "utf8"));
    const loss = `state:${installation}`;
    const empty = await spawnService(t, { data }).catch((error: Error) => error.message);
    t.regex(String(empty), new RegExp(`ended with 66: error: STATE_MISSING: .*is empty, .*--accept-loss ${loss}: `));
    const args = ["serve", "--accept-loss", loss];
    await t.notThrowsAsync(startRemote(t, { data, args }), "it was the snapshots");
  },
);

serialTestWithNats("a replica that never reached the shared state may start from the keys of its file", async (t) => {
  const nats = await startNats(t);
  await nats.stop();
  const data = await tempFolder(t);
  const env = { SIGNET_STATE_STORE: "nats", SIGNET_STATE_FIRST_START: "true", SIGNET_NATS_URL: nats.url };
  const waiting = await startRemote(t, { data, env, until: "listening" });
  t.is(await waiting.process.stop(), 0);
  await t.notThrowsAsync(startRemote(t, { data }));
});

serialTestWithNats("a replica with the keys of a file makes no first keys, whatever first_start says", async (t) => {
  const nats = await startNats(t);
  // One KEK for both: the audit key of the folder is sealed under it.
  const env = { SIGNET_KEK_FILE: join(await tempFolder(t), "kek") };
  const set = await replicaSet(t, [nats.url], {}, env);
  const data = await set.folderOf("replica-1");
  const alone = await startRemote(t, { data, env });
  const kids = (await listKeys(alone)).keys.map(({ keyId }) => keyId);
  t.is(await alone.process.stop(), 0);

  const replica = await set.start("replica-1");
  await untilLogged(replica, (log) =>
    log.some(({ event, folder }) => event === "store.own_keys" && folder === join(data, "state")),
  );
  await waitUntil("it says what it waits for", async () =>
    (await replica.waitsFor()).includes(`has no keys: restore those that ${join(data, "state")} still holds`),
  );
  await replica.process.stop();

  await rename(join(data, "state"), join(await tempFolder(t), "state"));
  const bare = await set.start("replica-1");
  const loss = await lossToAccept(bare);
  await bare.process.stop();
  const begun = await set.start("replica-1", { REPLICA_ACCEPT_LOSSES: loss });
  await untilReady(begun);
  t.false(
    (await listKeys(begun)).keys.some(({ keyId }) => kids.includes(keyId)),
    "where their loss is accepted it starts with new keys",
  );
});
