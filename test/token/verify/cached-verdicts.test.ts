import { generateKeyPairSync, type KeyObject, verify } from "node:crypto";
import test, { type ExecutionContext } from "ava";
import type { FoundKey, TokenKeys } from "../../../src/keys/token-keys.ts";
import type { VerifyingKey } from "../../../src/keys/vault.ts";
import type { Profile } from "../../../src/profile/model/profile.ts";
import { createRevokedSet } from "../../../src/revoke/revoked-set.ts";
import { createVerifiedCache } from "../../../src/token/verify/cache.ts";
import type { VerifyRequest } from "../../../src/token/verify/request.ts";
import { createVerifyToken, type VerifyAnswer } from "../../../src/token/verify/verify-token.ts";
import { ISSUER, profileOf, shippedText } from "../../support/profiles/profiles.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { forge } from "../../support/tokens/foreign-token.ts";
import { reasonOf } from "../../support/tokens/verifying-under-test.ts";

const START = 1_800_000_000;
const text = shippedText("service");
const PROFILES = new Map<string, Profile>(
  [
    profileOf(text),
    // The same keys and issuer with another typ; the same with a shorter life; the same in carriers, one of them
    // narrow.
    profileOf(text.replace("profile: service", "profile: typed").replace("at+jwt", "other+jwt")),
    profileOf(text.replace("profile: service", "profile: brief").replace("max: 1h", "max: 6m")),
    profileOf(
      `${text.replace("profile: service", "profile: carried")}
carriers: [{ in: query, name: wide }, { in: query, name: narrow, max_bytes: 256 }]
`,
    ),
  ].map((profile) => [profile.name, profile]),
);

interface Pair {
  readonly privateKey: KeyObject;
  readonly key: VerifyingKey;
  readonly state: FoundKey["state"];
}

/**
 * Keys that a test replaces, retires and removes, all that verifying looks at, and one service with a cache and one
 * without.
 */
function world(entries: number) {
  const clock = { now: START * 1000 };
  const pairs = new Map<string, Pair>();
  const revoked = createRevokedSet([{ keyId: "k", hash: (subject) => `hash of ${subject}` }]);
  const keys: TokenKeys = {
    epoch: 1,
    signer: () => undefined,
    verifier(kid) {
      const { state, key } = pairs.get(kid) ?? { state: "unknown" };
      return state === "ok" && key !== undefined ? { state, key } : ({ state } as FoundKey);
    },
    verifiers: () => [],
    otherReading: () => undefined,
    reload: () => undefined,
    distrust: () => {},
  };
  const service = (size: number) => {
    const cache = createVerifiedCache(size);
    const ask = createVerifyToken({
      profiles: () => PROFILES,
      keysOf: () => keys,
      now: () => clock.now,
      onExpressionError: () => {},
      revocations: { has: revoked.has, viewAgeMs: () => 0 },
      cache,
    });
    const judge = (token: string, question: Partial<VerifyRequest> = {}): VerifyAnswer => {
      const credential = { $case: "token", value: token } as const;
      const answer = ask({ ...QUESTION, credential, ...question });
      if (answer instanceof Promise) throw new Error("the keys are reloaded");
      return answer;
    };
    return { cache, judge };
  };

  function newKey(kid: string): KeyObject {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const check = (data: Buffer, signature: Buffer) => verify(null, data, publicKey, signature);
    pairs.set(kid, { privateKey, state: "ok", key: { kid, alg: "EdDSA", verify: check } });
    return privateKey;
  }

  /** The same key pair under a new object: what a new epoch does to a key that it keeps. */
  function reloaded(kid: string): void {
    const pair = pairs.get(kid);
    if (pair !== undefined) pairs.set(kid, { ...pair, key: { ...pair.key } });
  }

  function state(kid: string, state: FoundKey["state"]): void {
    const pair = pairs.get(kid);
    if (pair !== undefined) pairs.set(kid, { ...pair, state });
  }

  function issue(kid: string, changes: object = {}, header: object = {}): string {
    const pair = pairs.get(kid);
    if (pair === undefined) throw new Error(`no key ${kid}`);
    const iat = Math.floor(clock.now / 1000);
    const claims = {
      iss: ISSUER,
      sub: "alice",
      aud: "api",
      client_id: "c",
      iat,
      exp: iat + 300,
      jti: "id",
      ...changes,
    };
    return forge({ alg: "EdDSA", typ: "at+jwt", kid, ...header }, claims, pair.privateKey);
  }

  const revoke = (what: { tokenId: string } | { subjectHash: string; issuedBefore: number }) => {
    const common = { profile: "service", tenant: "", at: clock.now, until: Number.MAX_SAFE_INTEGER };
    revoked.add(
      "tokenId" in what
        ? { kind: "token", ...common, ...what }
        : { kind: "subject", ...common, hashedUnder: "k", ...what },
    );
  };
  newKey("k1");
  return { clock, cached: service(entries), plain: service(0), issue, revoke, newKey, reloaded, state };
}

const QUESTION: VerifyRequest = {
  profile: "service",
  credential: undefined,
  tenant: "",
  audience: "api",
  context: undefined,
  at: undefined,
};

/** A world whose cache holds a token, as the number of hits proves. */
function withCached(t: ExecutionContext) {
  const its = world(100);
  const token = its.issue("k1");
  t.is(reasonOf(its.cached.judge(token)), "valid");
  t.is(reasonOf(its.cached.judge(token)), "valid");
  t.is(its.cached.cache.hits, 1, "the token is in the cache");
  return { ...its, token, verdict: (question = {}) => reasonOf(its.cached.judge(token, question)) };
}

test("a token of the cache is REVOKED once its id is", (t) => {
  const { revoke, verdict } = withCached(t);
  revoke({ tokenId: "other" });
  t.is(verdict(), "valid");
  revoke({ tokenId: "id" });
  t.is(verdict(), "REVOKED");
});

test("a token of the cache is REVOKED once its subject is", (t) => {
  const { revoke, verdict } = withCached(t);
  revoke({ subjectHash: "hash of alice", issuedBefore: START - 1 });
  t.is(verdict(), "valid");
  revoke({ subjectHash: "hash of alice", issuedBefore: START });
  t.is(verdict(), "REVOKED");
});

test("a token of the cache falls with its key: retired, revoked, or not known any more", (t) => {
  for (const [state, reason] of [
    ["retired", "KEY_RETIRED"],
    ["revoked", "KEY_REVOKED"],
    ["unknown", "UNKNOWN_KEY"],
  ] as const) {
    const its = withCached(t);
    its.state("k1", state);
    t.is(its.verdict(), reason);
  }
});

test("a token of the cache is verified again when its key is another object, and does not fit another key of the kid", (t) => {
  const its = withCached(t);
  its.reloaded("k1");
  t.is(its.verdict(), "valid");
  its.newKey("k1");
  t.is(its.verdict(), "BAD_SIGNATURE");
});

test("a token of the cache expires", (t) => {
  const { clock, verdict } = withCached(t);
  clock.now += 359_000;
  t.is(verdict(), "valid");
  clock.now += 1_000;
  t.is(verdict(), "EXPIRED");
});

test("a token of the cache is judged by the profile, the audience and the time of each question", (t) => {
  const { cached, verdict } = withCached(t);
  t.is(verdict({ profile: "typed" }), "TYPE_MISMATCH");
  t.is(verdict({ profile: "brief" }), "valid");
  t.is(verdict({ audience: "other" }), "AUDIENCE_MISMATCH");
  t.is(verdict({ at: new Date((START - 100) * 1000) }), "NOT_YET_VALID");
  t.is(cached.cache.misses, 1);
});

test("a token of the cache is TOO_LARGE in a carrier that is narrower than the one it was first shown in", (t) => {
  const { token, verdict } = withCached(t);
  const carried = (name: string) => {
    const value = { headers: [], query: [{ name, value: token }], cookies: [], body: [], frame: Buffer.alloc(0) };
    return verdict({ profile: "carried", credential: { $case: "carrier", value } });
  };
  t.is(carried("wide"), "valid");
  t.is(carried("narrow"), "TOO_LARGE");
});

test("another text of the same signature is not a token of the cache", (t) => {
  const { token, cached } = withCached(t);
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const twin = `${token.slice(0, -1)}${alphabet[alphabet.indexOf(token.at(-1) ?? "") ^ 1]}`;
  const same = (text: string) => Buffer.from(text.split(".")[2] ?? "", "base64url").toString("hex");
  t.is(same(twin), same(token), "it decodes to the same bytes");
  for (const text of [twin, `${token}=`, ` ${token}`, `${token}\n`])
    t.is(reasonOf(cached.judge(text)), "MALFORMED", JSON.stringify(text));
});

test("a token that was rejected by its key is not remembered, and neither is one whose payload is not an object", (t) => {
  const { cached, issue, state, newKey } = world(100);
  const token = issue("k1");
  state("k1", "retired");
  t.is(reasonOf(cached.judge(token)), "KEY_RETIRED");
  newKey("k1");
  t.is(reasonOf(cached.judge(token)), "BAD_SIGNATURE");
  t.is(reasonOf(cached.judge(token)), "BAD_SIGNATURE");
  const list = forge({ alg: "EdDSA", typ: "at+jwt", kid: "k2" }, "[]", newKey("k2"));
  t.is(reasonOf(cached.judge(list)), "MALFORMED");
  t.is(reasonOf(cached.judge(list)), "MALFORMED");
  t.is(cached.cache.hits, 0);
});

test("over random histories a cache changes no verdict, no claim and no warning", (t) => {
  const random = seededRandom(t);
  const seen = new Map<string, number>();
  let hits = 0;
  for (let round = 0; round < 40; round += 1) {
    // Few entries, so that they are evicted in the midst of it.
    const its = world([2, 8, 64][round % 3] ?? 2);
    const kids = ["k1", "k2", "k3"];
    for (const kid of kids) its.newKey(kid);
    const tokens: string[] = [];
    const one = <T>(list: readonly T[]): T => list[random(0, list.length)] as T;
    const issue = () => {
      const jti = `id-${random(0, 12)}`;
      const exp = Math.floor(its.clock.now / 1000) + random(1, 4000);
      const header = random(0, 6) === 0 ? { typ: one(["other+jwt", "JWT"]) } : {};
      tokens.push(its.issue(one(kids), { jti, exp, sub: one(["alice", "bob"]) }, header));
    };
    const steps = [
      ...Array(12).fill(() => check(one(tokens))),
      ...Array(6).fill(() => check(tokens.at(-1) ?? "")),
      ...Array(4).fill(issue),
      () => its.revoke({ tokenId: `id-${random(0, 12)}` }),
      () => {
        const issuedBefore = Math.floor(its.clock.now / 1000) - random(0, 600);
        if (random(0, 4) === 0) its.revoke({ subjectHash: `hash of ${one(["alice", "bob"])}`, issuedBefore });
      },
      () => its.newKey(one(kids)),
      () => its.reloaded(one(kids)),
      () => its.state(one(kids), one(["retired", "revoked", "unknown"] as const)),
      ...Array(2).fill(() => its.state(one(kids), "ok")),
      () => {
        its.clock.now += one([0, 1, 1_000, 60_000, 600_000]);
      },
    ];
    for (let step = 0; step < 3; step += 1) issue();
    for (let step = 0; step < 300; step += 1) one(steps)();
    hits += its.cached.cache.hits;

    function check(token: string): void {
      const at = random(0, 8) === 0 ? new Date(its.clock.now - random(0, 600_000)) : undefined;
      const question = { profile: one([...PROFILES.keys()]), audience: one(["api", "api", "api", "other"]), at };
      const shown = random(0, 10) === 0 ? `${token.slice(0, -2)}AA` : token;
      const [expected, got] = [its.plain.judge(shown, question), its.cached.judge(shown, question)];
      t.deepEqual(got, expected, `round ${round}`);
      seen.set(reasonOf(got), (seen.get(reasonOf(got)) ?? 0) + 1);
    }
  }
  t.true(hits > 500, `${hits} hits`);
  for (const reason of [
    "valid",
    "REVOKED",
    "EXPIRED",
    "KEY_RETIRED",
    "KEY_REVOKED",
    "UNKNOWN_KEY",
    "BAD_SIGNATURE",
    "TYPE_MISMATCH",
  ])
    t.true((seen.get(reason) ?? 0) >= 5, `${reason}: ${seen.get(reason)}`);
});
