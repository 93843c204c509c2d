import type { ExecutionContext } from "ava";
import { DiscardPolicy, nanos, RetentionPolicy, StorageType, type StreamConfig } from "nats";
import type { JudgeSettings } from "../../src/nats/settings.ts";
import { tempFolder } from "../support/files/temp.ts";
import { judgeNothing } from "../support/nats/judge-nothing.ts";
import { serialTestWithNats } from "../support/nats/nats-server.ts";
import { verdictOf } from "../support/profiles/dialect.ts";
import {
  type BucketOwner,
  bucketOwner,
  SOUND,
  untilNamed,
  untilReady,
  waitsFor,
} from "../support/replicas/bucket-owner.ts";
import { get } from "../support/service/get.ts";
import { healthClient } from "../support/service/health.ts";
import { importKey } from "../support/service/key-calls.ts";
import { revokeTokens } from "../support/service/revoke-tokens.ts";
import { failureOf, readError } from "../support/service/rich-error.ts";
import { issue, listKeys, type Service, verify } from "../support/service/service.ts";
import { waitUntil } from "../support/wait-until.ts";

const AN_HOUR = { max_age: nanos(3_600_000) };

/** Each refused setting, as an operator may give it to the bucket. JetStream can change the first five. */
const REFUSED: Readonly<Record<string, Partial<StreamConfig>>> = {
  max_age: AN_HOUR,
  discard: { discard: DiscardPolicy.Old, max_bytes: 1_000_000 },
  retention: { retention: RetentionPolicy.Interest },
  sources: { sources: [{ name: "other" }] },
  subject_transform: { subject_transform: { src: "$KV.signet.>", dest: "$KV.other.>" } },
  storage: { ...SOUND, storage: StorageType.Memory },
  mirror: { mirror: { name: "other" } },
};

/** Undoes every setting that can be changed. */
const MENDED: Partial<StreamConfig> = {
  ...{ max_age: 0, max_bytes: -1, discard: DiscardPolicy.New, retention: RetentionPolicy.Limits, sources: [] },
  subject_transform: undefined as never,
};

function give(owner: BucketOwner, setting: string): Promise<void> {
  const config = REFUSED[setting] ?? {};
  return ["storage", "mirror"].includes(setting) ? owner.replace(config) : owner.update({ ...MENDED, ...config });
}

async function revokedToken(replica: Service): Promise<string> {
  const { token, tokenId } = await issue(replica);
  await revokeTokens(replica, { profile: "service", tokenIds: [tokenId] });
  return token;
}

serialTestWithNats(
  "over a bucket that forgets, a replica that starts makes no keys and names the setting; once it is mended, it serves",
  async (t) => {
    const owner = await bucketOwner(t);
    await owner.replace({ ...SOUND, ...AN_HOUR });
    const replica = await owner.start();
    for (const setting of Object.keys(REFUSED)) {
      await give(owner, setting);
      await untilNamed(replica, setting);
      t.false(await owner.holds("keys."), setting);
    }
    t.like(await failureOf(issue(replica)), { code: "UNAVAILABLE", reason: "KEYS_UNAVAILABLE" });
    t.is(await healthClient(t, replica.app.addresses.grpc).check(""), "NOT_SERVING");
    await owner.replace(SOUND);
    await untilReady(replica);
    t.is(verdictOf(await verify(replica, (await issue(replica)).token)), "valid");
  },
);

serialTestWithNats(
  "when a bucket begins to forget, its replicas verify and revoke but issue nothing; once it is mended, they issue",
  async (t) => {
    const owner = await bucketOwner(t);
    const replica = await owner.start();
    await untilReady(replica);
    await importKey(replica, { profile: "shoplive", keyId: "shared" });
    const revoked = await revokedToken(replica);
    const [kept, late] = [await issue(replica), await issue(replica)];
    const ring = (await listKeys(replica, "service")).keys;
    const health = healthClient(t, replica.app.addresses.grpc);

    for (const setting of Object.keys(REFUSED)) {
      await give(owner, setting);
      await untilNamed(replica, setting);
      t.like(await failureOf(issue(replica)), { code: "UNAVAILABLE", reason: "STORE_FORGETS" }, setting);
      t.is(verdictOf(await verify(replica, kept.token)), "valid", setting);
      t.is(verdictOf(await verify(replica, revoked)), "REVOKED", setting);
      t.is(await health.check(""), "SERVING", setting);
      if (setting !== "max_age") continue;
      await revokeTokens(replica, { profile: "service", tokenIds: [late.tokenId] });
      t.is(verdictOf(await verify(replica, late.token)), "REVOKED", "a revocation does not wait for the operator");
      await owner.update(MENDED);
      await untilReady(replica);
    }
    await owner.replace(SOUND);
    await untilReady(replica);
    t.is(verdictOf(await verify(replica, (await issue(replica)).token)), "valid");
    t.deepEqual((await listKeys(replica, "service")).keys, ring);
    await owner.untilHeld("keys.service.", "keys.euler-stream.", "secrets.shoplive.", "revoked.token.");
    const found = replica.log.filter((event) => event.type === "store.settings");
    t.true(found.some(({ refused }) => refused.length > 0));
    t.deepEqual(found.at(-1), { type: "store.settings", refused: [], alarms: [] });
  },
);

/** A revocation, and the ring without it: what is left once the bucket has dropped whatever reached its age. */
async function lapsedRevocation(owner: BucketOwner, judge?: JudgeSettings) {
  const options = judge === undefined ? {} : { judge, sweepMs: 3_600_000 };
  const replica = await owner.start(options);
  await untilReady(replica);
  const revoked = await revokedToken(replica);
  await owner.letAllLapse();
  // An unknown key makes the replica read its rings, and write back what the bucket lacks of them.
  await Promise.all(["service", "euler-stream"].map((profile) => readRing(replica, profile, revoked)));
  await owner.untilHeld("keys.service.", "keys.euler-stream.");
  return { replica, revoked, options };
}

function readRing(replica: Service, profile: string, token: string) {
  const [, ...rest] = token.split(".");
  const header = Buffer.from(JSON.stringify({ alg: "EdDSA", typ: "at+jwt", kid: "A".repeat(16) })).toString(
    "base64url",
  );
  const audience = profile === "service" ? "api" : "";
  return verify(replica, [header, ...rest].join("."), { profile, audience }).catch((error) => {
    // On a busy machine the call ends before the ring is read.
    if (readError(error).reason !== "KEYS_UNAVAILABLE") throw error;
  });
}

serialTestWithNats("a replica that starts after revocations have lapsed never takes a revoked token", async (t) => {
  const owner = await bucketOwner(t);
  const { replica, revoked } = await lapsedRevocation(owner);
  const joined = await owner.start({ firstStart: false });
  await untilNamed(joined, "max_age");
  t.like(await failureOf(verify(joined, revoked)), { code: "UNAVAILABLE", reason: "KEYS_UNAVAILABLE" });
  t.is(verdictOf(await verify(replica, revoked)), "REVOKED");
  await owner.update(MENDED);
  await untilReady(joined);
  await waitUntil("it knows the revocation", async () => verdictOf(await verify(joined, revoked)) === "REVOKED");
});

serialTestWithNats("negative control: with the settings unjudged, it takes the revoked token as valid", async (t) => {
  const owner = await bucketOwner(t);
  const { revoked, options } = await lapsedRevocation(owner, judgeNothing);
  const joined = await owner.start({ ...options, firstStart: false });
  await untilReady(joined);
  t.is(verdictOf(await verify(joined, revoked)), "valid");
});

/** A first replica that has gone, and a second one that may make keys, over a bucket that has dropped all of them. */
async function secondStart(t: ExecutionContext, judge?: JudgeSettings) {
  const owner = await bucketOwner(t);
  const options = judge === undefined ? {} : { judge };
  const first = await owner.start(options);
  await untilReady(first);
  const { token } = await issue(first);
  await first.stop();
  await owner.letAllLapse();
  return { owner, token, second: await owner.start(options) };
}

serialTestWithNats("where all keys have lapsed, a replica with first_start makes no second ring", async (t) => {
  const { owner, second } = await secondStart(t);
  await untilNamed(second, "max_age");
  t.regex(await waitsFor(second), /nats stream edit KV_signet --max-age=0s/);
  t.false(await owner.holds("keys."));
});

serialTestWithNats("negative control: with the settings unjudged, it makes one, and no token is known", async (t) => {
  const { token, second } = await secondStart(t, judgeNothing);
  await untilReady(second);
  t.is(verdictOf(await verify(second, token)), "UNKNOWN_KEY");
});

serialTestWithNats(
  "a replica that starts with a snapshot over a bucket that forgets verifies, and says how old its view is",
  async (t) => {
    const owner = await bucketOwner(t);
    const data = await tempFolder(t);
    const before = await owner.start({ data });
    await untilReady(before);
    const { token } = await issue(before);
    const revoked = await revokedToken(before);
    await before.stop();
    await owner.update(AN_HOUR);
    const after = await owner.start({ data });
    const health = healthClient(t, after.app.addresses.grpc);
    await waitUntil("it verifies", async () => (await health.check("")) === "SERVING");
    t.is(verdictOf(await verify(after, revoked)), "REVOKED");
    const { valid, revocationViewAge } = await verify(after, token);
    t.true(valid);
    t.true(Number(revocationViewAge?.seconds) >= 2, "as old as the last contact with a sound bucket");
    t.like(await failureOf(issue(after)), { reason: "STORE_FORGETS" });
    await owner.update(MENDED);
    await untilReady(after);
  },
);

serialTestWithNats("a setting that forgets nothing is an alarm: in the log and in the metrics", async (t) => {
  const owner = await bucketOwner(t);
  await owner.replace({ ...SOUND, max_bytes: 100_000_000, max_msgs_per_subject: 5 });
  const replica = await owner.start();
  await untilReady(replica);
  const [found] = replica.log.filter((event) => event.type === "store.settings");
  t.deepEqual(
    found?.alarms.map((text) => text.split(" ")[0]),
    ["max_msgs_per_subject", "max_bytes"],
  );
  const metrics = await (await get(`${replica.url}/metrics`)).text();
  t.true(metrics.includes('signet_nats_settings{stream="bucket",verdict="refused"} 0'));
  t.true(metrics.includes('signet_nats_settings{stream="bucket",verdict="alarm"} 2'));
  t.true(metrics.includes('signet_nats_settings{stream="audit",verdict="alarm"} 0'));
});
