import test from "ava";
import { createRevokeKey } from "../../src/key-admin/revoke-key.ts";
import { createRotateKeys } from "../../src/key-admin/rotate-keys.ts";
import { openKeyring } from "../../src/keys/rotating/keyring.ts";
import { RELOAD } from "../../src/keys/shared-reload.ts";
import { type KeyValue, StateError } from "../../src/state/keyvalue.ts";
import { createMemoryKeyValue } from "../../src/state/memory.ts";
import { callerNamed } from "../support/caller.ts";
import { rejectedProblem } from "../support/problems.ts";
import { acme, newSecret, openReplica } from "./imported/secrets-under-test.ts";
import { makeOptions } from "./rotating/keyring-under-test.ts";
import { start } from "./rotating/ring-under-test.ts";

const UNKNOWN = "AAAAAAAAAAAAAAAA";
const UNREACHED = /^the store is unreachable or takes no writes: whether .* is not known; retrying is safe$/;

/** Two keysets and an imported secret `one`, in a store whose reads are counted and can be stopped. */
async function serviceUnderTest() {
  const store = createMemoryKeyValue(() => start);
  const reads = { count: 0, before: async (): Promise<void> => undefined };
  const watched: KeyValue = {
    ...store,
    async create(...entry) {
      await reads.before();
      return store.create(...entry);
    },
    async list(prefix) {
      reads.count += 1;
      await reads.before();
      return store.list(prefix);
    },
  };
  const { options, clock, events } = makeOptions({ store: watched });
  const keyring = await openKeyring(options);
  const keyrings = [keyring, await openKeyring({ ...options, keyset: "other" })];
  const { parts, secrets, ...replica } = await openReplica(watched);
  await replica.import(newSecret(), { keyId: "one" });
  const revoke = createRevokeKey({
    ...{ profiles: parts.profiles, secrets, keyrings: () => keyrings },
    replicas: { live: () => [], silent: () => [], seek: async () => undefined },
    requireRightClock: () => undefined,
    audit: { append: async () => undefined },
    now: () => clock.now,
  });
  const rotate = createRotateKeys(
    () => keyring,
    () => undefined,
  );
  reads.count = 0;
  return {
    ...{ keyring, clock, events, reads },
    revoke: (keyId: string, owner = { profile: "", tenant: "" }) =>
      rejectedProblem(revoke({ keyId, reason: "stolen", ...owner }, callerNamed("caller"))),
    rotate: () => rejectedProblem(rotate({ keyset: "service", at: undefined }, callerNamed("caller"))),
  };
}

const failing = (code: "UNAVAILABLE" | "CORRUPT") => () => Promise.reject(new StateError(code, "JetStream says 10026"));

test("a flood of unknown kids reads each ring once in the cool-down", async (t) => {
  const { clock, reads, revoke } = await serviceUnderTest();
  const flood = () => Promise.all(Array.from({ length: 300 }, (_, at) => revoke(`${UNKNOWN}${at}`)));
  t.true((await flood()).every(({ code }) => code === "KEY_NOT_FOUND"));
  await flood();
  // What a turn reads of each ring: its epochs, and once those to be emptied.
  const [rings, most] = [2, 2];
  t.true(reads.count <= rings * most, `${reads.count}`);
  const before = reads.count;
  clock.now += RELOAD.coolDown;
  await flood();
  t.is(reads.count, before + rings);
});

for (const code of ["UNAVAILABLE", "LOST"] as const) {
  test(`a store that is ${code} is named as the cause, and that trying again is safe; no keyset is blamed`, async (t) => {
    const { keyring, reads, revoke, rotate } = await serviceUnderTest();
    reads.before = () => Promise.reject(new StateError(code, "away"));
    const active = keyring.signer(start)?.kid ?? "";
    for (const work of [rotate(), revoke(active), revoke(UNKNOWN), revoke(UNKNOWN), revoke("one", acme)]) {
      const problem = await work;
      t.like(problem, { code: "KEYS_UNAVAILABLE", retryAfterMs: 1_000 });
      t.regex(problem.message, UNREACHED);
    }
  });
}

test("a store that does not answer in time leaves it open whether there is such a key", async (t) => {
  const { reads, revoke } = await serviceUnderTest();
  const hanging = Promise.withResolvers<void>();
  reads.before = () => hanging.promise;
  const problems = await Promise.all([revoke(UNKNOWN), revoke(UNKNOWN)]);
  hanging.resolve();
  for (const { code, message } of problems) {
    t.is(code, "KEYS_UNAVAILABLE");
    t.regex(message, UNREACHED);
  }
});

test("a store that is damaged is to be looked at, and its keyset is named", async (t) => {
  const { keyring, reads, revoke, rotate } = await serviceUnderTest();
  reads.before = failing("CORRUPT");
  for (const work of [rotate(), revoke(keyring.signer(start)?.kid ?? "")]) {
    const { code, message } = await work;
    t.is(code, "KEYS_UNAVAILABLE");
    t.is(message, "the keys of keyset service can't be read or written: list them before trying again");
  }
});

test("why a change of keys failed is reported to the operator", async (t) => {
  const { keyring, events, reads, revoke, rotate } = await serviceUnderTest();
  reads.before = failing("UNAVAILABLE");
  const whose: string[] = [];
  for (const call of [rotate, () => revoke(keyring.signer(start)?.kid ?? ""), () => revoke(UNKNOWN)]) {
    events.length = 0;
    await call();
    for (const event of events)
      if (event.type === "problem" && event.error instanceof Error && event.error.cause instanceof StateError)
        whose.push(`${event.keyset}: ${event.error.cause.message}`);
  }
  const cause = "JetStream says 10026";
  t.deepEqual(whose, [`service: ${cause}`, `service: ${cause}`, ...[`service: ${cause}`, `other: ${cause}`]]);
});
