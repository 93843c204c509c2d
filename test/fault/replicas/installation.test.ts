import { readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { createKekFile } from "../../../src/jose/kek-source.ts";
import { tempFolder } from "../../support/files/temp.ts";
import { connect } from "../../support/nats/connect.ts";
import { type NatsServer, serialTestWithNats, startNats } from "../../support/nats/nats-server.ts";
import { issueShort } from "../../support/replicas/replica-tokens.ts";
import { type ReplicaSet, replicaSet, untilReady } from "../../support/replicas/replicas.ts";
import { badVerdicts } from "../../support/replicas/verify-everywhere.ts";
import { boundByRounds } from "../../support/rounds.ts";
import { untilLogged } from "../../support/service/remote-service.ts";
import { spawnService } from "../../support/service/service-process.ts";
import { waitUntil } from "../../support/wait-until.ts";

const SUBJECT = "$KV.signet.installation";

/** The installation that a replica's data folder belongs to, once it does. */
async function installationOf(set: ReplicaSet, name: string): Promise<string> {
  const file = join(await set.folderOf(name), "spool", "identity.json");
  let found: unknown;
  await waitUntil(`${name} belongs to an installation`, async () => {
    found = JSON.parse(await readFile(file, "utf8")).installation;
    return typeof found === "string";
  });
  return String(found);
}

async function inBucket(nats: NatsServer): Promise<string> {
  const connection = await connect({ servers: nats.url });
  try {
    const manager = await connection.jetstreamManager();
    return (await manager.streams.getMessage("KV_signet", { last_by_subj: SUBJECT })).string();
  } catch {
    return "";
  } finally {
    await connection.close();
  }
}

async function write(nats: NatsServer, content: string): Promise<void> {
  const connection = await connect({ servers: nats.url });
  await connection.jetstream().publish(SUBJECT, content);
  await connection.close();
}

serialTestWithNats(
  "replicas share an installation; garbage in its place and the loss of the bucket are mended, and stop no start",
  async (t) => {
    boundByRounds(t);
    const nats = await startNats(t);
    const set = await replicaSet(t, [nats.url]);
    const [one, two] = await set.startAll(2);
    const id = await installationOf(set, "replica-1");
    t.is(await installationOf(set, "replica-2"), id);
    t.true((await inBucket(nats)).includes(id));
    t.is(await one?.process.stop(), 0);
    t.is(await two?.process.stop(), 0);

    await write(nats, "garbage");
    const again = await set.start("replica-1");
    await untilReady(again);
    await waitUntil("the id is back", async () => (await inBucket(nats)).includes(id));
    await untilLogged(again, (log) => log.some(({ event }) => event === "installation.stray"));
    await again.process.kill9();

    await nats.restart({ loseStore: true });
    await untilReady(await set.start("replica-2"));
    await waitUntil("the id is back", async () => (await inBucket(nats)).includes(id));
  },
);

serialTestWithNats(
  "a replica whose spool is gone begins as a new writer and says so; one of another installation ends with 78",
  async (t) => {
    boundByRounds(t);
    const nats = await startNats(t);
    const kek = join(await tempFolder(t), "kek");
    await createKekFile(kek);
    const set = await replicaSet(t, [nats.url], {}, { SIGNET_KEK_FILE: kek });
    const [one] = await set.startAll(1);
    if (one === undefined) return;
    const id = await installationOf(set, "replica-1");
    const { token } = await issueShort(one);
    t.is(await one.process.stop(), 0);
    const spool = join(await set.folderOf("replica-1"), "spool");
    const aside = join(await tempFolder(t), "spool");
    await rename(spool, aside);
    const anew = await set.start("replica-1");
    await untilLogged(anew, (log) => log.some(({ event, folder }) => event === "audit.new_writer" && folder === spool));
    await untilReady(anew);
    t.deepEqual(await badVerdicts([anew], [token]), {});
    t.is(await installationOf(set, "replica-1"), id);
    t.is(await anew.process.stop(), 0);

    await rm(spool, { recursive: true });
    await rename(aside, spool);
    // The same KEK, so that only the id tells the two apart.
    const other = await startNats(t);
    const stranger = await set.start("stranger", { SIGNET_NATS_URL: other.url });
    await untilReady(stranger);
    t.not(await installationOf(set, "stranger"), id);
    const data = await set.folderOf("replica-1");
    const env = { SIGNET_STATE_STORE: "nats", SIGNET_NATS_URL: other.url, SIGNET_KEK_FILE: kek };
    const outcome = await spawnService(t, { data, env }).then(
      () => "it started",
      (error: Error) => error.message,
    );
    t.regex(
      outcome,
      /^the service ended with 78: error: OTHER_INSTALLATION: the data folder belongs to installation \S+, but the bucket/,
    );
    t.deepEqual(await badVerdicts([stranger], [(await issueShort(stranger)).token]), {}, "the bucket was not changed");
  },
);
