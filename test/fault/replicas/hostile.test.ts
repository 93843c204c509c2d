import type { ExecutionContext } from "ava";
import { SecretEncoding } from "../../../src/gen/signet/v1/keys.ts";
import { type HostileClient, hostileClient } from "../../support/nats/hostile-client.ts";
import { serialTestWithNats, startNats } from "../../support/nats/nats-server.ts";
import { dialect, verdictOf } from "../../support/profiles/dialect.ts";
import { issueShort } from "../../support/replicas/replica-tokens.ts";
import { type Replica, type ReplicaSet, replicaSet, untilReady } from "../../support/replicas/replicas.ts";
import { look } from "../../support/replicas/ring-witness.ts";
import { boundByRounds, rounds } from "../../support/rounds.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { importKey, revokeKey } from "../../support/service/key-calls.ts";
import { failureOf, readError } from "../../support/service/rich-error.ts";
import { verify } from "../../support/service/service.ts";
import { waitUntil } from "../../support/wait-until.ts";

const GARBAGE = "garbage";
const UNKNOWN_EPOCH =
  /keys\/service\/epoch\/3, an epoch of keyset service .* under the key-encryption key stranger, and not under the given \S+\. .* delete the entry/;
const UNKNOWN_KEK = JSON.stringify({ kek: "stranger", mac: "x", body: "{}" });
/** Nothing rotates during a test. */
const SLOW = { period: 600_000 };
/** Often, but not so often that the tests' own tokens outlive their keys. */
const FAST = { period: 8_000 };
const RINGS = ["keys/service/epoch", "secrets/hivekit/YWNtZQ/epoch"] as const;

const hivekit = (replica: Replica) =>
  dialect(replica, "hivekit", { tenant: "acme", encoding: SecretEncoding.SECRET_ENCODING_BASE64 });

type Random = (from: number, to: number) => number;

interface Scene {
  readonly set: ReplicaSet;
  readonly replicas: readonly Replica[];
  readonly hostile: HostileClient;
  readonly tokens: Tokens;
}

/** Of a keyset, and of an imported secret. */
interface Tokens {
  readonly keyset: string;
  readonly secret: string;
}

/** Replicas with a ring at epoch 2 and a secret at epoch 1, and tokens of both. */
async function scene(t: ExecutionContext, count: number, rotation = SLOW): Promise<Scene> {
  boundByRounds(t);
  const nats = await startNats(t);
  const set = await replicaSet(t, [nats.url], rotation);
  const replicas = await set.startAll(count);
  const [one] = replicas;
  if (one === undefined) throw new Error("there is no replica");
  await revokeKey(one, (await issueShort(one)).keyId);
  await importKey(one, { profile: "hivekit", tenant: "acme", keyId: "k1" });
  await waitUntil("all hold epoch 2", async () =>
    (await Promise.all(replicas.map(look))).every(({ epoch }) => epoch >= 2),
  );
  const hostile = await hostileClient(t, nats.url);
  await waitUntil("all issue", () => allIssue(replicas));
  return { set, replicas, hostile, tokens: await issueBoth(one) };
}

async function issueBoth(replica: Replica): Promise<Tokens> {
  const { token: keyset } = await issueShort(replica);
  const { token: secret } = await hivekit(replica).issue({ sub: "u", allow_all: true });
  return { keyset, secret };
}

function allIssue(replicas: readonly Replica[]): Promise<boolean> {
  return Promise.all(replicas.map(issueBoth)).then(
    () => true,
    () => false,
  );
}

async function verdicts(replica: Replica, { keyset, secret }: Tokens): Promise<readonly string[]> {
  return [verdictOf(await verify(replica, keyset)), verdictOf(await hivekit(replica).verify(secret))];
}

/** Those of a replica that may answer at first that it could not read the store in time. */
async function verdictsOnceKnown(replica: Replica, tokens: Tokens): Promise<readonly string[]> {
  let answer: readonly string[] = [];
  await waitUntil(`${replica.name} has verdicts`, async () => {
    answer = await verdicts(replica, tokens).catch((error) => {
      if (readError(error).reason !== "KEYS_UNAVAILABLE") throw error;
      return [];
    });
    return answer.length > 0;
  });
  return answer;
}

const VALID = ["valid", "valid"];

async function restarted({ set }: Scene, replica: Replica): Promise<Replica> {
  await replica.process.stop();
  return set.start(replica.name);
}

/** Verifies as soon as it answers, whatever it waits for. */
async function untilVerifies(t: ExecutionContext, replica: Replica, tokens: Tokens): Promise<void> {
  let last: readonly string[] = [];
  await waitUntil("it answers", async () => {
    last = await verdicts(replica, tokens).catch(() => []);
    return last.length > 0;
  });
  t.deepEqual(last, VALID);
}

const eventsOf = ({ process: { log } }: Replica, ...names: readonly string[]) =>
  log.filter(({ event }) => names.includes(event));

serialTestWithNats(
  "garbage far above, or under a name that is no number, stops nothing: not on a running replica, nor at its start",
  async (t) => {
    const here = await scene(t, 1);
    const { replicas, hostile, tokens } = here;
    for (const ring of RINGS)
      for (const name of ["999", "x", "03", "9.9"]) await hostile.put(`${ring}/${name}`, GARBAGE);
    for (const key of ["keys/stray", "secrets/stray"]) await hostile.put(key, GARBAGE);
    const again = await restarted(here, replicas[0] as Replica);
    await untilReady(again);
    t.deepEqual(await verdicts(again, tokens), VALID);
    t.deepEqual(await verdicts(again, await issueBoth(again)), VALID);
    t.is(eventsOf(again, "keys.strays").length, 1);
    t.is(eventsOf(again, "secrets.strays").length, 1);
    await revokeKey(again, (await issueShort(again)).keyId);
    await importKey(again, { profile: "hivekit", tenant: "acme", keyId: "k2" });
    t.deepEqual(await verdicts(again, await issueBoth(again)), VALID);
  },
);

serialTestWithNats(
  "garbage at the next place does not stop replicas that run; those that start meanwhile verify, and soon all issue",
  async (t) => {
    const here = await scene(t, 3);
    const { replicas, hostile, tokens } = here;
    await hostile.put(`${RINGS[0]}/3`, GARBAGE);
    await hostile.put(`${RINGS[1]}/2`, GARBAGE);
    const [, , last] = replicas;
    const running = replicas.slice(0, 2);
    // It has seen the garbage when a later entry has reached it.
    await importKey(running[0] as Replica, { profile: "hivekit", tenant: "other", keyId: "later" });
    for (const replica of running) t.deepEqual(await verdicts(replica, await issueBoth(replica)), VALID, replica.name);
    const again = await restarted(here, last as Replica);
    const fresh = await here.set.start("fresh", { SIGNET_STATE_FIRST_START: "false" });
    const all = [...running, again, fresh];
    for (const replica of [again, fresh]) await untilVerifies(t, replica, tokens);
    await waitUntil("all issue", () => allIssue(all));
    for (const replica of all) t.deepEqual(await verdicts(replica, await issueBoth(running[0] as Replica)), VALID);
    await waitUntil("all hold epoch 3", async () =>
      (await Promise.all(all.map(look))).every(({ epoch }) => epoch === 3),
    );
    for (const replica of all) t.deepEqual(await verdicts(replica, tokens), VALID);
  },
);

serialTestWithNats(
  "a replica that starts alone over garbage verifies at once, says why it does not issue, and writes over the garbage",
  async (t) => {
    const { set, replicas, hostile, tokens } = await scene(t, 1);
    const [one] = replicas as readonly [Replica];
    await one.process.stop();
    await hostile.put(`${RINGS[0]}/3`, GARBAGE);
    await hostile.put(`${RINGS[1]}/2`, GARBAGE);
    const again = await set.start(one.name);
    await untilVerifies(t, again, tokens);
    await waitUntil("it issues", () => allIssue([again]));
    t.like(eventsOf(again, "keys.failed")[0], { keyset: "service", error: { code: "BROKEN_RECORD" } });
    t.like(eventsOf(again, "secrets.unreadable")[0], { tenant: "acme", error: { code: "BROKEN_RECORD" } });
    // It is logged when the copy on disk is durable, a moment after the key signs.
    await waitUntil("it is logged", async () => eventsOf(again, "keys.mended").length > 0);
    t.like(eventsOf(again, "keys.mended"), [{ keyset: "service", epoch: 3 }]);
    t.deepEqual(await verdicts(again, tokens), VALID);
  },
);

serialTestWithNats(
  "an unknown KEK at the next place stops issuing, never verifying and never a start, until the entry is gone",
  async (t) => {
    const here = await scene(t, 2);
    const { replicas, hostile, tokens } = here;
    const places = [`${RINGS[0]}/3`, `${RINGS[1]}/2`];
    for (const place of places) await hostile.put(place, UNKNOWN_KEK);
    const again = await restarted(here, replicas[1] as Replica);
    await untilVerifies(t, again, tokens);
    for (const replica of [replicas[0] as Replica, again]) {
      await waitUntil("it says what it waits for", async () => UNKNOWN_EPOCH.test(await replica.waitsFor()));
      const isRefused = (call: Promise<unknown>) =>
        call.then(
          () => false,
          () => true,
        );
      await waitUntil("it does not issue", () => isRefused(issueShort(replica)));
      await waitUntil("nor under the secret", () => isRefused(hivekit(replica).issue({ sub: "u", allow_all: true })));
      t.is((await failureOf(issueShort(replica))).reason, "NO_SIGNING_KEY");
      t.is((await failureOf(hivekit(replica).issue({ sub: "u", allow_all: true }))).reason, "KEYS_UNAVAILABLE");
      t.deepEqual(await verdicts(replica, tokens), VALID);
    }
    for (const place of places) {
      t.is((await hostile.read(place))?.toString(), UNKNOWN_KEK, "nothing was written over it");
      await hostile.delete(place);
    }
    await waitUntil("all issue", () => allIssue([replicas[0] as Replica, again]));
  },
);

const SPOILERS: Readonly<Record<string, (hostile: HostileClient, key: string) => Promise<void>>> = {
  "overwritten with garbage": (hostile, key) => hostile.put(key, GARBAGE),
  emptied: (hostile, key) => hostile.put(key, ""),
  deleted: (hostile, key) => hostile.delete(key),
  "given an end that is over": async (hostile, key) =>
    hostile.put(key, (await hostile.read(key)) ?? "", { "Signet-Expires-At": "1" }),
};

serialTestWithNats(
  `the newest epochs, ${Object.keys(SPOILERS).join(", ")}, are put back as they were, running or from a copy`,
  async (t) => {
    const { set, replicas, hostile, tokens } = await scene(t, 1);
    const newest = [`${RINGS[0]}/2`, `${RINGS[1]}/1`];
    const before = await Promise.all(newest.map((key) => hostile.read(key)));
    const isBack = async () => {
      const now = await Promise.all(newest.map((key) => hostile.read(key)));
      return now.every((value, at) => value?.equals(before[at] ?? Buffer.alloc(0)) === true);
    };
    let [replica] = replicas as readonly [Replica];
    for (const [what, spoil] of Object.entries(SPOILERS)) {
      const spoilAll = () => Promise.all(newest.map((key) => spoil(hostile, key)));
      await spoilAll();
      await waitUntil(`what was ${what} is back`, isBack);
      await replica.process.stop();
      await spoilAll();
      replica = await set.start(replica.name);
      await untilReady(replica);
      await waitUntil(`what was ${what} is back`, isBack);
      t.deepEqual(await verdicts(replica, tokens), VALID, what);
      t.deepEqual(await verdicts(replica, await issueBoth(replica)), VALID, what);
      t.is(eventsOf(replica, "keys.rotated").length, 0, "no new keys were made");
    }
  },
);

serialTestWithNats("thousands of strays, and 100 000 in make soak, stop no start, and fill no log", async (t) => {
  const here = await scene(t, 1);
  const { replicas, hostile, tokens } = here;
  const names = Array.from({ length: rounds(5_000) }, (_, at) => at + 1_000);
  await hostile.flood(
    RINGS.flatMap((ring) => names.map((name) => `${ring}/${name}`)),
    GARBAGE,
  );
  const again = await restarted(here, replicas[0] as Replica);
  await untilReady(again);
  t.deepEqual(await verdicts(again, tokens), VALID);
  t.deepEqual(await verdicts(again, await issueBoth(again)), VALID);
  t.true(again.process.log.length < 100, `${again.process.log.length} lines`);
});

/** The shares of a random liar's deeds, for a ring whose newest epoch is about `newest`. */
async function tellALie(hostile: HostileClient, ring: string, copies: Buffer[], random: Random): Promise<void> {
  const keys = await hostile.keys(`${ring}/`);
  const newest = Math.max(0, ...keys.map((key) => Number(key.split("/").at(-1))).filter((epoch) => epoch < 900));
  const value = await hostile.read(`${ring}/${newest}`);
  if (value !== undefined && value.length > 100) copies.push(value);
  const key = `${ring}/${[newest, newest + 1, newest + 2, random(1, newest + 2), 999][random(0, 5)]}`;
  const copy = () => copies[random(0, copies.length)] ?? "{}";
  const deeds = [
    () => hostile.put(key, GARBAGE),
    () => hostile.put(key, ""),
    () => hostile.put(key, copy()),
    () => hostile.put(key, String(copy()).replace(/verifyUntil\\":\d/g, 'verifyUntil\\":9')),
    () => hostile.put(key, copy(), { "Signet-Expires-At": ["1", "tomorrow"][random(0, 2)] ?? "" }),
    () => hostile.put(key, copy(), { "KV-Operation": "PURGE" }),
    () => hostile.delete(key),
    () => Promise.all(keys.map((one) => hostile.delete(one))),
    () =>
      hostile.flood(
        Array.from({ length: 100 }, (_, at) => `${ring}/${1_000 + random(0, 500) + at}`),
        GARBAGE,
      ),
    () => hostile.put(`revoked/token/${random(0, 9)}`, GARBAGE, { "Signet-Expires-At": "never" }),
    () => hostile.put(`replicas/${random(0, 9)}`, '{"version":"9","startedAt":1,"epochs":{"service":999}}'),
  ];
  await deeds[random(0, deeds.length)]?.();
}

serialTestWithNats(
  "beside a client that garbles, replays, deletes and floods, replicas verify what they issued, and issue when it ends",
  async (t) => {
    boundByRounds(t);
    const random = seededRandom(t);
    const here = await scene(t, 3, FAST);
    boundByRounds(t);
    const { replicas, hostile, tokens } = here;
    const issued: Tokens[] = [tokens];
    const bad: string[] = [];
    const copies: Buffer[] = [];
    const one = () => replicas[random(0, replicas.length)] as Replica;
    for (let round = 0; round < rounds(60); round++) {
      await tellALie(hostile, RINGS[random(0, RINGS.length)] ?? RINGS[0], copies, random);
      const more = await issueBoth(one()).catch(() => undefined);
      if (more !== undefined) issued.push(more);
      const asked = one();
      const some = issued[random(Math.max(0, issued.length - 20), issued.length)] ?? tokens;
      const answer = await verdictsOnceKnown(asked, some);
      bad.push(...answer.filter((verdict) => verdict !== "valid").map((verdict) => `${verdict} on ${asked.name}`));
    }
    t.deepEqual(bad, []);
    await waitUntil("all issue", () => allIssue(replicas));
    for (const replica of replicas) {
      const answers = await Promise.all(replicas.map(async (issuer) => verdicts(replica, await issueBoth(issuer))));
      t.deepEqual(answers, [VALID, VALID, VALID], replica.name);
    }
    t.log(`${issued.length} tokens issued meanwhile`);
  },
);
