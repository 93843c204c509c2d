import test from "ava";
import { AuditError, type AuditEvent, type AuditLog } from "../../src/audit/event.ts";
import type { ReplicaEpochs } from "../../src/key-admin/informed-replicas.ts";
import { createRevokeKey, type RevokeKeyParts, type RevokeKeyRequest } from "../../src/key-admin/revoke-key.ts";
import { createRotateKeys } from "../../src/key-admin/rotate-keys.ts";
import { openKeyring } from "../../src/keys/rotating/keyring.ts";
import { Problem } from "../../src/problem/problem.ts";
import { StateError } from "../../src/state/keyvalue.ts";
import { createMemoryKeyValue } from "../../src/state/memory.ts";
import { acme, input, lookUp, mac, newSecret, openReplica } from "../keys/imported/secrets-under-test.ts";
import { makeOptions } from "../keys/rotating/keyring-under-test.ts";
import { hour, leadTime, start } from "../keys/rotating/ring-under-test.ts";
import { callerNamed, LOOPBACK } from "../support/caller.ts";
import { rejectedProblem } from "../support/problems.ts";

const zero = { seconds: 0n, nanos: 0 };

/** A keyset, secrets and their events. Its clock is moved by the test. */
async function service(overrides: Partial<RevokeKeyParts> = {}) {
  const store = createMemoryKeyValue(() => start);
  const { options, clock } = makeOptions({ store });
  const keyring = await openKeyring(options);
  const replica = await openReplica(store);
  const events: AuditEvent[] = [];
  const audit: AuditLog = { append: async (event) => void events.push(event) };
  const revoke = createRevokeKey({
    ...{ profiles: replica.parts.profiles, secrets: replica.secrets, audit },
    keyrings: () => [keyring],
    replicas: { live: () => [], silent: () => [], seek: async () => undefined },
    requireRightClock: () => undefined,
    now: () => clock.now,
    ...overrides,
  });
  const call = (request: Partial<RevokeKeyRequest>) =>
    revoke({ keyId: "", reason: "stolen", profile: "", tenant: "", ...request }, callerNamed("caller"));
  return { keyring, replica, clock, events, revoke: call, options };
}

test("the answer names the key that signs now, the epoch, and from when on all verifiers know both", async (t) => {
  const { keyring, clock, events, revoke } = await service();
  const keyId = keyring.signer(start)?.kid ?? "";
  clock.now = start + hour;
  const answer = await revoke({ keyId });
  const signingKid = keyring.signer(clock.now)?.kid ?? "";
  t.not(signingKid, keyId);
  t.deepEqual(answer, {
    ...{ signingKid, epoch: 2, informed: [], late: [] },
    knownEverywhereAt: clock.now + leadTime,
  });
  const whose = { type: "key.revoked", keyset: "service", profile: "", tenant: "" } as const;
  t.deepEqual(events, [
    { ...whose, keyId, signingKeyId: signingKid, keysetEpoch: 2, caller: callerNamed("caller"), reason: "stolen" },
  ]);
});

test("the replicas that hold the epoch are named, and after a second those that do not", async (t) => {
  const replicas: ReplicaEpochs[] = [
    { id: "a", epochs: { service: 2 } },
    { id: "b", epochs: { service: 1 } },
    { id: "c", epochs: {} },
  ];
  let looks = 0;
  const { keyring, revoke } = await service({
    replicas: {
      live() {
        looks += 1;
        return looks < 3 ? replicas : [...replicas.slice(0, 2), { id: "c", epochs: { service: 3 } }];
      },
      silent: () => [],
      seek: async () => undefined,
    },
  });
  const answer = await revoke({ keyId: keyring.signer(start)?.kid ?? "" });
  t.deepEqual([answer.informed, answer.late], [["a", "c"], ["b"]]);
  t.true(looks > 3, "looked for until the second was over");
});

test("a search for replicas that hangs is part of the second", async (t) => {
  let looks = 0;
  const { keyring, revoke } = await service({
    replicas: {
      live() {
        looks += 1;
        return [{ id: "a", epochs: {} }];
      },
      silent: () => [],
      seek: () => new Promise(() => {}),
    },
  });
  const answer = await revoke({ keyId: keyring.signer(start)?.kid ?? "" });
  t.deepEqual([answer.informed, answer.late], [[], ["a"]]);
  t.is(looks, 1, "for the answer alone");
});

test("silent replicas are looked for, not waited for, and named as late unless they announced the epoch", async (t) => {
  let sought = false;
  let looks = 0;
  const { keyring, revoke } = await service({
    replicas: {
      live() {
        looks += 1;
        return [{ id: "b", epochs: { service: 2 } }];
      },
      silent: () => [
        ...(sought ? [{ id: "a", epochs: { service: 1 } }] : []),
        { id: "c", epochs: {} },
        { id: "d", epochs: { service: 2 } },
      ],
      async seek() {
        sought = true;
      },
    },
  });
  const answer = await revoke({ keyId: keyring.signer(start)?.kid ?? "" });
  t.deepEqual(
    [answer.informed, answer.late],
    [
      ["b", "d"],
      ["a", "c"],
    ],
  );
  t.is(looks, 2, "one look, and the answer");
});

test("an event that can't be stored fails the call, and the key is revoked all the same", async (t) => {
  const append = () => Promise.reject(new AuditError("FULL", "full"));
  const { keyring, revoke } = await service({ audit: { append } });
  const keyId = keyring.signer(start)?.kid ?? "";
  const problem = await rejectedProblem(revoke({ keyId }));
  t.is(problem.code, "AUDIT_FULL");
  t.regex(problem.message, /^the key is revoked, but/);
  t.is(keyring.verifier(keyId, start).state, "revoked");
});

test("revoked again, the answer is the same and the call has an event", async (t) => {
  const { keyring, clock, events, revoke } = await service();
  const keyId = keyring.signer(start)?.kid ?? "";
  const first = await revoke({ keyId });
  clock.now += hour;
  t.deepEqual(await revoke({ keyId }), first);
  t.is(events.length, 2);
});

test("a key that another replica made a moment ago is found in the store", async (t) => {
  const { clock, revoke, options } = await service();
  const other = await openKeyring(options);
  clock.now = start + hour;
  const { kid } = await other.rotate();
  const made = other.list(clock.now).find((key) => key.state === "published" && key.kid !== kid)?.kid ?? "";
  t.is((await revoke({ keyId: made })).epoch, 3);
});

test("a key of no keyset is KEY_NOT_FOUND, and an imported one is not found without its profile", async (t) => {
  const { revoke, replica } = await service();
  const { key } = await replica.import(newSecret());
  t.is((await rejectedProblem(revoke({ keyId: "AAAAAAAAAAAAAAAA" }))).code, "KEY_NOT_FOUND");
  t.is((await rejectedProblem(revoke({ keyId: key.kid }))).code, "KEY_NOT_FOUND");
  t.is((await rejectedProblem(revoke({ ...acme, keyId: "AAAAAAAAAAAAAAAA" }))).code, "KEY_NOT_FOUND");
  t.is((await rejectedProblem(revoke({ ...acme, tenant: "other", keyId: key.kid }))).code, "KEY_NOT_FOUND");
});

test("every bad field is named", async (t) => {
  const { revoke } = await service();
  const fields = async (request: Partial<RevokeKeyRequest>) =>
    (await rejectedProblem(revoke(request))).violations.map(({ field }) => field);
  t.deepEqual(await fields({ keyId: "a b", reason: "", tenant: "acme" }), ["key_id", "reason", "tenant"]);
  t.deepEqual(await fields({ keyId: "a", reason: "x".repeat(257), profile: "service" }), ["reason", "profile"]);
  t.deepEqual(await fields({ keyId: "a", profile: "hivekit" }), ["tenant"]);
  t.deepEqual(await fields({ keyId: "a", profile: "reactive", tenant: "acme" }), ["tenant"]);
  t.is((await rejectedProblem(revoke({ keyId: "a", profile: "unknown" }))).code, "PROFILE_NOT_FOUND");
});

test("a replica whose clock is wrong revokes and rotates nothing", async (t) => {
  const requireRightClock = () => {
    throw new Problem("CLOCK_DIFFERS", "a test");
  };
  const { keyring, revoke } = await service({ requireRightClock });
  t.is((await rejectedProblem(revoke({ keyId: keyring.signer(start)?.kid ?? "" }))).code, "CLOCK_DIFFERS");
  const rotate = createRotateKeys(() => keyring, requireRightClock);
  t.is((await rejectedProblem(rotate({ keyset: "service", at: undefined }, LOOPBACK))).code, "CLOCK_DIFFERS");
  t.is(keyring.epoch, 1);
});

test("without the store a revocation and a rotation are KEYS_UNAVAILABLE, with when to try again", async (t) => {
  const { keyring, revoke, options } = await service();
  options.store.list = async () => {
    throw new StateError("UNAVAILABLE", "unreachable");
  };
  for (const work of [
    revoke({ keyId: keyring.signer(start)?.kid ?? "" }),
    createRotateKeys(
      () => keyring,
      () => undefined,
    )({ keyset: "service", at: undefined }, LOOPBACK),
  ])
    t.like(await rejectedProblem(work), { code: "KEYS_UNAVAILABLE", retryAfterMs: 1_000 });
});

test("a rotation at a time that is no time is INVALID_REQUEST", async (t) => {
  const { keyring } = await service();
  const rotate = createRotateKeys(
    () => keyring,
    () => undefined,
  );
  const problem = await rejectedProblem(rotate({ keyset: "service", at: new Date(Number.NaN) }, LOOPBACK));
  t.deepEqual(
    problem.violations.map(({ field }) => field),
    ["at"],
  );
});

test("when the secret that signs is revoked, the newest that is left signs, without an end", async (t) => {
  const { replica, events, revoke } = await service();
  const [one, two] = [newSecret(), newSecret()];
  await replica.import(one, { keyId: "one" });
  await replica.import(two, { keyId: "two", overlap: { seconds: 60n, nanos: 0 } });
  const answer = await revoke({ ...acme, keyId: "two" });
  t.deepEqual(answer, { signingKid: "one", epoch: 3, knownEverywhereAt: undefined, informed: [], late: [] });
  t.is(lookUp(replica, "two", two), "revoked");
  replica.clock.now = start + hour;
  t.is(lookUp(replica, "one", one), "verifies");
  const keys = replica.secrets.keysOf(acme);
  t.deepEqual(keys.signer(replica.clock.now)?.sign(input), mac(one));
  t.is(keys.verifiers(replica.clock.now).length, 1, "no token without a kid is tried with it");
  t.like(events.at(-1), { type: "key.revoked", keyset: "", ...acme, keyId: "two", signingKeyId: "one" });
  t.deepEqual(
    replica.secrets.list(replica.clock.now).map(({ kid, state }) => [kid, state]),
    [
      ["two", "revoked"],
      ["one", "active"],
    ],
  );
});

test("when no secret is left, none signs, until another one is imported", async (t) => {
  const { replica, events, revoke } = await service();
  await replica.import(newSecret(), { keyId: "one" });
  await replica.import(newSecret(), { keyId: "two", overlap: zero });
  t.is((await revoke({ ...acme, keyId: "two" })).signingKid, undefined);
  t.like(events.at(-1), { signingKeyId: "" });
  const keys = replica.secrets.keysOf(acme);
  t.is(keys.signer(start), undefined);
  t.deepEqual(keys.verifiers(start), []);
  const again = await openReplica(replica.store);
  t.is(again.secrets.keysOf(acme).verifier("two", start).state, "revoked");
  await replica.import(newSecret(), { keyId: "three" });
  t.is(keys.signer(start)?.kid, "three");
});

test("a secret that only verifies is revoked without touching the one that signs", async (t) => {
  const { replica, revoke } = await service();
  await replica.import(newSecret(), { keyId: "one" });
  await replica.import(newSecret(), { keyId: "two" });
  t.is((await revoke({ ...acme, keyId: "one" })).signingKid, "two");
  const keys = replica.secrets.keysOf(acme);
  t.is(keys.verifier("one", start).state, "revoked");
  t.is(keys.verifier("two", start).state, "ok");
  t.is((await revoke({ ...acme, keyId: "one" })).epoch, 3, "again: nothing changes");
});

test("the text of a revoked secret is removed from the store", async (t) => {
  const { replica, revoke } = await service();
  await replica.import(newSecret(), { keyId: "one" });
  const sealed = /sealed\\":\\"([^\\]+)/;
  const [, text = ""] = sealed.exec((await replica.stored()).join()) ?? [];
  t.true(text.length > 50);
  await revoke({ ...acme, keyId: "one" });
  t.false((await replica.stored()).join().includes(text));
});
