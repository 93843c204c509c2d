import test, { type ExecutionContext } from "ava";
import type { Generation } from "../../src/live/generation.ts";
import { type NamedToken, type UsableToken, useKey } from "../../src/one-time/use.ts";
import { createUseUp, type User } from "../../src/one-time/use-up.ts";
import { Problem } from "../../src/problem/problem.ts";
import { type KeyValue, StateError } from "../../src/state/keyvalue.ts";
import { createMemoryKeyValue } from "../../src/state/memory.ts";
import { guardedStore } from "../support/replicas/guarded-store.ts";
import { seededRandom } from "../support/seeded-random.ts";

const START = 1_800_000_000_000;
const SKEW_MS = 5_000;
const LIFETIME: UsableToken["profile"]["lifetime"] = {
  exp: "required",
  default: 60,
  min: 1,
  max: 3_600,
  extended: undefined,
  ttlFrom: undefined,
  maxAge: undefined,
  sessionMax: undefined,
  idleMax: undefined,
  leeway: 10,
  skew: 60,
};
const PROFILE: UsableToken["profile"] = {
  name: "gate",
  lifetime: LIFETIME,
  keys: { kind: "keyset", keyset: "gate", algorithm: "EdDSA" },
};
const IMPORTED = { kind: "imported", algorithms: ["HS256"], encoding: "utf8" } as const;
const NOBODY: User = { by: "", repeatMs: 0 };
const ALICE: User = { by: "alice", repeatMs: 120_000 };
const ISSUED = START / 1000;
const FIRST: Generation = { id: "g1", since: undefined, earlier: [] };

function token(changes: Partial<UsableToken> = {}): UsableToken {
  return { profile: PROFILE, tenant: "", tokenId: "t-1", issuedAt: ISSUED, expiresAt: ISSUED + 60, ...changes };
}

/** One store and as many replicas as are asked for. */
function installation(store: KeyValue = createMemoryKeyValue(() => clock.now)) {
  const world: { generation: Generation | undefined } = { generation: FIRST };
  const replica = (over: KeyValue = store, requireRightClock = () => {}) =>
    createUseUp({
      live: { store: over, generation: () => world.generation },
      now: () => clock.now,
      skewMs: SKEW_MS,
      requireRightClock,
    });
  return { world, store, replica };
}

const clock = { now: START };
test.beforeEach(() => {
  clock.now = START;
});

const tell = async (use: Promise<{ reason: string } | undefined>) => (await use)?.reason ?? "valid";

async function problemOf(t: ExecutionContext, work: Promise<unknown>): Promise<Problem | undefined> {
  return t.throwsAsync(work, { instanceOf: Problem });
}

test.serial("a token is used once, whichever replica is asked", async (t) => {
  const { replica } = installation();
  t.is(await tell(replica()(token(), NOBODY)), "valid");
  for (const user of [NOBODY, ALICE]) t.is(await tell(replica()(token(), user)), "ALREADY_USED");
  t.is(await tell(replica()(token({ tokenId: "t-2" }), NOBODY)), "valid");
});

test.serial("profile, tenant and id together name a token, whatever is in them", (t) => {
  const names: [string, string, string][] = [
    ["a", "b", "c"],
    ["a", "", "bc"],
    ["ab", "", "c"],
    ["a", 'b","c', ""],
    ["a", "b", "c/../../x"],
    ["a", "b", "\u0000".repeat(300)],
  ];
  const keys = names.map(([name, tenant, tokenId]) => useKey({ profile: { name }, tenant, tokenId } as NamedToken));
  t.is(new Set(keys).size, names.length);
  for (const key of keys) t.regex(key, /^used\/[A-Za-z0-9_-]{43}$/);
});

test.serial("of many uses at once on three replicas exactly one is valid", async (t) => {
  const random = seededRandom(t);
  for (let round = 0; round < 50; round++) t.is(await winners(installation(), random), 1);
});

/** How many of fifty uses of one token at once are valid. Every call of the store takes a random time. */
function winners({ store, replica }: ReturnType<typeof installation>, random: (from: number, to: number) => number) {
  const slow = guardedStore(store, async () => {
    for (let turns = random(0, 6); turns > 0; turns--) await undefined;
  });
  const uses = Array.from({ length: 50 }, () => tell(replica(slow)(token(), NOBODY)));
  return Promise.all(uses).then((told) => told.filter((one) => one === "valid").length);
}

test.serial("negative control: where a use is looked up first and written then, a token is used twice", async (t) => {
  const random = seededRandom(t);
  const store = createMemoryKeyValue(() => clock.now);
  const create: KeyValue["create"] = async (key, value, options) => {
    const found = await store.get(key);
    for (let turns = random(0, 6); turns > 0; turns--) await undefined;
    if (found !== undefined) return undefined;
    await store.delete(key);
    return store.create(key, value, options);
  };
  t.true((await winners(installation({ ...store, create }), random)) > 1);
});

test.serial("the same user is told the same again for two minutes, then that the token was used", async (t) => {
  const { replica } = installation();
  t.is(await tell(replica()(token(), ALICE)), "valid");
  clock.now += 119_999;
  t.is(await tell(replica()(token(), ALICE)), "valid");
  t.is(await tell(replica()(token(), { ...ALICE, by: "bob" })), "ALREADY_USED");
  t.is(await replica().usedAt(token(), ALICE), START);
  t.is(await replica().usedAt(token(), { ...ALICE, by: "bob" }), undefined);
  clock.now += 1;
  t.is(await replica().usedAt(token(), ALICE), undefined);
  t.is(await replica().usedAt(token({ tokenId: "other" }), ALICE), undefined);
});

test.serial("after two minutes a token that is still valid was used, also for the same user", async (t) => {
  const { replica } = installation();
  const long = token({ expiresAt: ISSUED + 600 });
  t.is(await tell(replica()(long, ALICE)), "valid");
  clock.now += 120_000;
  t.is(await tell(replica()(long, ALICE)), "ALREADY_USED");
  const session: User = { by: "session", repeatMs: Infinity };
  const other = token({ tokenId: "t-2", expiresAt: ISSUED + 600 });
  t.is(await tell(replica()(other, session)), "valid");
  clock.now += 400_000;
  t.is(await tell(replica()(other, session)), "valid", "for as long as the token is valid");
});

test.serial("a use is known until exp + leeway + 2 S, or as long after iat + the greatest age", async (t) => {
  for (const [what, changes, end] of [
    ["exp", {}, ISSUED + 60],
    ["age", { expiresAt: undefined, profile: { ...PROFILE, lifetime: { ...LIFETIME, maxAge: 600 } } }, ISSUED + 600],
  ] as const) {
    const { replica, store } = installation();
    clock.now = START;
    t.is(await tell(replica()(token(changes), NOBODY)), "valid");
    const expiresAt = (end + LIFETIME.leeway) * 1000 + 2 * SKEW_MS;
    t.is((await store.get(useKey(token())))?.expiresAt, expiresAt, what);
    clock.now = expiresAt - 1;
    t.is(await tell(replica()(token(changes), NOBODY)), "ALREADY_USED", what);
  }
});

test.serial("a token without an end is known forever", async (t) => {
  const { replica, store } = installation();
  t.is(await tell(replica()(token({ expiresAt: undefined }), NOBODY)), "valid");
  t.is((await store.get(useKey(token())))?.expiresAt, undefined);
});

test.serial("after a loss, a token that may have been used before counts as used", async (t) => {
  const since = START + 30_000;
  const limit = (since + SKEW_MS) / 1000;
  const imported = { ...PROFILE, keys: IMPORTED };
  const cases: [string, Partial<UsableToken>, string][] = [
    ["at the limit", { issuedAt: limit }, "ALREADY_USED"],
    ["a second later", { issuedAt: limit + 1 }, "valid"],
    [
      "of another issuer, whose clock may be ahead",
      { issuedAt: limit + LIFETIME.skew, profile: imported },
      "ALREADY_USED",
    ],
    ["of another issuer, a second later", { issuedAt: limit + LIFETIME.skew + 1, profile: imported }, "valid"],
    ["without iat, as old as it may be", { issuedAt: undefined, expiresAt: limit + LIFETIME.max }, "ALREADY_USED"],
    ["without iat, a second later", { issuedAt: undefined, expiresAt: limit + LIFETIME.max + 1 }, "valid"],
    ["without iat and exp", { issuedAt: undefined, expiresAt: undefined }, "ALREADY_USED"],
  ];
  for (const [what, changes, expected] of cases) {
    const { world, replica } = installation();
    world.generation = { id: "g2", since, earlier: ["g1"] };
    t.is(await tell(replica()(token(changes), NOBODY)), expected, what);
  }
});

test.serial("a loss during the use counts too", async (t) => {
  const { world, store, replica } = installation();
  const losing = guardedStore(store, () => {
    world.generation = { id: "g2", since: START + 30_000, earlier: ["g1"] };
  });
  t.is(await tell(replica(losing)(token(), NOBODY)), "ALREADY_USED");
  world.generation = FIRST;
  const blinding = guardedStore(store, () => {
    world.generation = undefined;
  });
  t.is((await problemOf(t, replica(blinding)(token({ tokenId: "t-2" }), ALICE)))?.code, "USES_UNAVAILABLE");
  world.generation = FIRST;
  t.is(await tell(replica()(token({ tokenId: "t-2" }), ALICE)), "valid", "the repetition finds its own use");
});

test.serial("a process that was stopped until the record of a use had expired uses the token up no more", async (t) => {
  const { store, replica } = installation();
  t.is(await tell(replica()(token(), NOBODY)), "valid");
  const stopped = guardedStore(store, () => {
    clock.now = (ISSUED + 60 + LIFETIME.leeway) * 1000 + 2 * SKEW_MS;
  });
  t.is(await tell(replica(stopped)(token(), ALICE)), "ALREADY_USED");
  t.like(await store.get(useKey(token())), { revision: 2 }, "control: its own use is recorded");
});

test.serial("in doubt no token is valid: UNAVAILABLE, with a delay, and the cause for the operator", async (t) => {
  const { world, store, replica } = installation();
  for (const code of ["UNAVAILABLE", "LOST"] as const) {
    const cause = new StateError(code, "nats");
    const down = guardedStore(store, () => {
      throw cause;
    });
    for (const work of [replica(down)(token(), ALICE), replica(down).usedAt(token(), ALICE)]) {
      const problem = await problemOf(t, work);
      t.like(problem, { code: "USES_UNAVAILABLE", retryAfterMs: 1_000 });
      t.is(problem?.cause, cause);
    }
  }
  const unsure = { ...store, create: async () => undefined };
  t.is((await problemOf(t, replica(unsure)(token(), ALICE)))?.code, "USES_UNAVAILABLE");
  world.generation = undefined;
  t.is((await problemOf(t, replica()(token(), ALICE)))?.code, "USES_UNAVAILABLE");
});

test.serial("an error that is not the store's goes through, and a wrong clock uses nothing up", async (t) => {
  const { store, replica } = installation();
  const broken = guardedStore(store, () => {
    throw new TypeError("a fault of this program");
  });
  await t.throwsAsync(replica(broken)(token(), ALICE), { instanceOf: TypeError });
  const wrong = () => {
    throw new Problem("CLOCK_DIFFERS", "wrong");
  };
  t.is((await problemOf(t, replica(store, wrong)(token(), ALICE)))?.code, "CLOCK_DIFFERS");
  t.is(await store.get(useKey(token())), undefined);
});

for (const garbage of ["", "{", "null", "[]", '"x"', '{"by":1,"at":1}', '{"by":"alice"}', '{"by":"alice","at":"1"}']) {
  test.serial(`whatever another client writes, ${JSON.stringify(garbage)} is a use that nobody repeats`, async (t) => {
    const { store, replica } = installation();
    await store.create(useKey(token()), Buffer.from(garbage));
    t.is(await tell(replica()(token(), ALICE)), "ALREADY_USED");
    t.is(await replica().usedAt(token(), ALICE), undefined);
  });
}
