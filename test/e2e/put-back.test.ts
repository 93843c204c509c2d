import { tempFolder } from "../support/files/temp.ts";
import { serialTestWithNats } from "../support/nats/nats-server.ts";
import { verdictOf } from "../support/profiles/dialect.ts";
import { bucketOwner, untilReady } from "../support/replicas/bucket-owner.ts";
import { importKey } from "../support/service/key-calls.ts";
import { revokeTokens } from "../support/service/revoke-tokens.ts";
import { issue, listKeys, verify } from "../support/service/service.ts";
import { waitUntil } from "../support/wait-until.ts";

const AN_HOUR = 3_600_000;

serialTestWithNats(
  "what NATS loses entry by entry, which no watch shows, a running replica puts back with its next sweep",
  async (t) => {
    const owner = await bucketOwner(t);
    const replica = await owner.start();
    await untilReady(replica);
    await importKey(replica, { profile: "shoplive", keyId: "shared" });
    const [kept, revoked] = [await issue(replica), await issue(replica)];
    await revokeTokens(replica, { profile: "service", tokenIds: [revoked.tokenId] });
    for (const part of ["revoked.>", "keys.>", "secrets.>"]) await owner.purge(part);
    await owner.untilHeld("revoked.token.", "keys.service.", "keys.euler-stream.", "secrets.shoplive.");
    await waitUntil("it is reported", () => replica.log.some(({ type }) => type === "revocations.restored"));
    const joined = await owner.start({ firstStart: false });
    await untilReady(joined);
    t.is(verdictOf(await verify(joined, kept.token)), "valid");
    t.is(verdictOf(await verify(joined, revoked.token)), "REVOKED");
    t.true((await listKeys(joined)).keys.some(({ keyId }) => keyId === "shared"));
  },
);

serialTestWithNats("negative control: until a sweep is due, a replica that starts lacks them", async (t) => {
  const owner = await bucketOwner(t);
  const replica = await owner.start({ sweepMs: AN_HOUR });
  await untilReady(replica);
  const { token, tokenId } = await issue(replica);
  await revokeTokens(replica, { profile: "service", tokenIds: [tokenId] });
  await owner.purge("revoked.>");
  const joined = await owner.start({ firstStart: false, sweepMs: AN_HOUR });
  await untilReady(joined);
  t.is(verdictOf(await verify(joined, token)), "valid");
});

serialTestWithNats("revocations that were purged while no replica ran are put back from a snapshot", async (t) => {
  const owner = await bucketOwner(t);
  const data = await tempFolder(t);
  const before = await owner.start({ data, sweepMs: AN_HOUR });
  await untilReady(before);
  const { token, tokenId } = await issue(before);
  await revokeTokens(before, { profile: "service", tokenIds: [tokenId] });
  await before.stop();
  await owner.purge("revoked.>");
  await untilReady(await owner.start({ data, sweepMs: AN_HOUR }));
  await owner.untilHeld("revoked.token.");
  const joined = await owner.start({ firstStart: false, sweepMs: AN_HOUR });
  await untilReady(joined);
  t.is(verdictOf(await verify(joined, token)), "REVOKED");
});
