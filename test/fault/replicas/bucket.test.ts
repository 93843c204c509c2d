import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import type { IssueTokenResponse } from "../../../src/gen/signet/v1/token.ts";
import { serialTestWithNats, startNats } from "../../support/nats/nats-server.ts";
import { verdictOf } from "../../support/profiles/dialect.ts";
import { issueEverywhere, issueShort } from "../../support/replicas/replica-tokens.ts";
import { lossToAccept, type Replica, replicaSet, untilReady } from "../../support/replicas/replicas.ts";
import { look, watchRings } from "../../support/replicas/ring-witness.ts";
import { badVerdicts } from "../../support/replicas/verify-everywhere.ts";
import { boundByRounds } from "../../support/rounds.ts";
import { revokeTokens } from "../../support/service/revoke-tokens.ts";
import { verify } from "../../support/service/service.ts";
import { waitUntil } from "../../support/wait-until.ts";

serialTestWithNats(
  "a bucket that is rolled back, then lost, is put back: no token is lost, no epoch is lower",
  async (t) => {
    boundByRounds(t);
    const nats = await startNats(t);
    const set = await replicaSet(t, [nats.url]);
    const replicas = await set.startAll(3);
    await nats.kill9();
    const copy = await nats.copyStore();
    await nats.restart();
    const tokens = [...(await issueEverywhere(replicas))];
    await untilEpoch(replicas, (await highestEpoch(replicas)) + 2);
    const witness = watchRings(replicas);
    // One before each loss: on a busy machine the first may have ended before the end of the test.
    const revoked: IssueTokenResponse[] = [];

    for (const what of [{ from: copy }, { loseStore: true }]) {
      revoked.push(await revokedToken(replicas));
      tokens.push(...(await issueEverywhere(replicas)));
      const before = await highestEpoch(replicas);
      await nats.restart(what);
      await untilEpoch(replicas, before + 2);
      t.deepEqual(
        await badVerdicts(replicas, [...tokens, ...(await issueEverywhere(replicas))]),
        {},
        JSON.stringify(what),
      );
      for (const replica of replicas)
        t.is(verdictOf(await verify(replica, revoked.at(-1)?.token ?? "")), "REVOKED", JSON.stringify(what));
    }

    t.deepEqual(await witness.stop(), {});
    const joined = await set.start("newcomer", { SIGNET_STATE_FIRST_START: "false" });
    await untilReady(joined);
    const all = [...replicas, joined];
    t.deepEqual(
      await badVerdicts(all, await issueEverywhere(all)),
      {},
      "who has no snapshot finds the ring in the bucket",
    );
    for (const replica of all)
      t.is(verdictOf(await verify(replica, revoked.at(-1)?.token ?? "")), "REVOKED", replica.name);
  },
);

serialTestWithNats("a bucket that is lost while no replica runs is put back from the snapshots", async (t) => {
  const { set, names, tokens, revoked } = await loseAll(t, [FIRST, SECOND]);
  const replicas = await Promise.all(names.map((name) => set.start(name)));
  await Promise.all(replicas.map(untilReady));
  t.deepEqual(await badVerdicts(replicas, tokens), {});
  for (const replica of replicas) t.is(verdictOf(await verify(replica, revoked.token)), "REVOKED", replica.name);
});

serialTestWithNats(
  "a replica that has lost its snapshots makes no keys for a lost bucket, even with first_start: it waits for another's",
  async (t) => {
    const { set, tokens } = await loseAll(t, [SECOND]);
    const first = await set.start(FIRST);
    await lossToAccept(first);
    const replicas = [first, await set.start(SECOND)];
    await Promise.all(replicas.map(untilReady));
    t.deepEqual(await badVerdicts(replicas, tokens), {});
  },
);

serialTestWithNats(
  "negative control: where no snapshot is left and the operator accepts the loss, the tokens from before are lost with it",
  async (t) => {
    const { set, tokens } = await loseAll(t, []);
    const waiting = await Promise.all([set.start(FIRST), set.start(SECOND)]);
    const [loss, other] = await Promise.all([lossToAccept(waiting[0]), lossToAccept(waiting[1])]);
    t.is(loss, other, "both belonged to the same installation");
    for (const { process } of waiting) await process.stop();

    const first = await set.start(FIRST, { REPLICA_ACCEPT_LOSSES: loss });
    await untilReady(first);
    t.true(first.process.log.some((line) => line.event === "loss.accepted" && line.loss === loss));
    const second = await set.start(SECOND, { REPLICA_ACCEPT_LOSSES: loss });
    await untilReady(second);
    const lost = { [`UNKNOWN_KEY on ${FIRST}`]: tokens.length, [`UNKNOWN_KEY on ${SECOND}`]: tokens.length };
    t.deepEqual(await badVerdicts([first, second], tokens), lost);
    const { installation } = JSON.parse(
      await readFile(join(await set.folderOf(SECOND), "spool/identity.json"), "utf8"),
    );
    t.not(`state:${installation}`, loss, "the same words accept nothing twice");
  },
);

const [FIRST, SECOND] = ["replica-1", "replica-2"] as const;

/** Two replicas that were killed, and whose bucket is lost. The snapshots of those in `keep` are left. */
async function loseAll(t: ExecutionContext, keep: readonly string[]) {
  const nats = await startNats(t);
  const set = await replicaSet(t, [nats.url]);
  const before = await set.startAll(2);
  const names = before.map(({ name }) => name);
  const tokens = await issueEverywhere(before);
  const revoked = await revokedToken(before);
  for (const name of names) await untilRemembered(join(await set.folderOf(name), "snapshots"), revoked);
  for (const { process } of before) await process.kill9();
  await nats.restart({ loseStore: true });
  for (const name of names) {
    if (!keep.includes(name)) await rm(join(await set.folderOf(name), "snapshots"), { recursive: true });
  }
  return { set, names, tokens, revoked };
}

/** A revoked token, once every replica knows of its revocation. */
async function revokedToken(replicas: readonly Replica[]): Promise<IssueTokenResponse> {
  const [one] = replicas;
  if (one === undefined) throw new Error("there is no replica");
  const issued = await issueShort(one);
  await revokeTokens(one, { tokenIds: [issued.tokenId] });
  await waitUntil("every replica knows", async () => {
    const verdicts = await Promise.all(replicas.map(async (replica) => verdictOf(await verify(replica, issued.token))));
    return verdicts.every((verdict) => verdict === "REVOKED");
  });
  return issued;
}

/** It is written a moment after it is known. */
function untilRemembered(folder: string, { tokenId }: IssueTokenResponse): Promise<void> {
  const read = () => readFile(join(folder, "revocations"), "utf8").catch(() => "");
  return waitUntil("the revocation is in the snapshot", async () => (await read()).includes(tokenId));
}

async function highestEpoch(replicas: readonly Replica[]): Promise<number> {
  return Math.max(...(await Promise.all(replicas.map(look))).map(({ epoch }) => epoch));
}

function untilEpoch(replicas: readonly Replica[], epoch: number): Promise<void> {
  return waitUntil(`all hold epoch ${epoch}`, async () =>
    (await Promise.all(replicas.map(look))).every((sight) => sight.epoch >= epoch),
  );
}
