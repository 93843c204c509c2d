import { randomUUID } from "node:crypto";
import test, { type ExecutionContext } from "ava";
import { KeyringError } from "../../../src/keys/error.ts";
import { type Keyring, openKeyring } from "../../../src/keys/rotating/keyring.ts";
import type { KeyringOptions } from "../../../src/keys/rotating/options.ts";
import { NEVER } from "../../../src/keys/rotating/record.ts";
import type { KeyInfo, KeyringEvent } from "../../../src/keys/rotating/views.ts";
import { type RecordKeys, wrapRecord } from "../../../src/keys/store/authenticated-record.ts";
import { PATIENCE_MS } from "../../../src/keys/store/vigil.ts";
import { Problem } from "../../../src/problem/problem.ts";
import type { KeyValue } from "../../../src/state/keyvalue.ts";
import { createMemoryKeyValue } from "../../../src/state/memory.ts";
import { boundByRounds, rounds } from "../../support/rounds.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { makeOptions } from "./keyring-under-test.ts";
import { day, hour, makeKey, makeRing, minute, start } from "./ring-under-test.ts";

type Random = (from: number, to: number) => number;

const PREFIX = "keys/service/epoch/";
/** Later than any end that a ring gives a key in these tests, but for a standby, whose end is open. */
const FORGED_END = start + 100 * day;
const STRANGERS: RecordKeys = [{ kek: "stranger", mac: () => "x" }];

/** A client that may write anything, and that has copied everything it ever saw. */
function createLiar(store: KeyValue, random: Random, keys: RecordKeys) {
  const copies: Uint8Array[] = [];
  const forged = makeKey(666, { verifyUntil: start + 1_000_000 * hour, signUntil: start + 900_000 * hour });
  const { sealed: _, ...publicOnly } = forged;

  async function newest(): Promise<number> {
    const entries = await store.list(PREFIX);
    for (const { value } of entries) if (value.byteLength > 100 && copies.length < 200) copies.push(value);
    const numbers = entries.map(({ key }) => Number(key.slice(PREFIX.length))).filter((epoch) => epoch < 900);
    return Math.max(1, ...numbers);
  }

  /** The last copy with a time that was changed, under the MAC that it had. */
  function tampered(): Uint8Array {
    const copy = Buffer.from(copies.at(-1) ?? "").toString();
    return Buffer.from(copy.replace(/verifyUntil\\":\d/g, 'verifyUntil\\":9'));
  }

  function lie(place: number): Uint8Array {
    const lies = [
      () => Buffer.from("garbage"),
      () => new Uint8Array(),
      () => copies[random(0, Math.max(1, copies.length))] ?? Buffer.from("{}"),
      () => wrapRecord(makeRing({ epoch: place, keys: [publicOnly] }), keys),
      tampered,
    ];
    return lies[random(0, lies.length)]?.() ?? Buffer.alloc(0);
  }

  async function put(key: string, value: Uint8Array): Promise<void> {
    const entry = await store.get(key);
    if (entry === undefined) await store.create(key, value);
    else await store.update(key, value, entry.revision);
  }

  return {
    forgedKid: forged.kid,
    async tellOne() {
      const highest = await newest();
      const place = [highest, highest + 1, random(1, highest + 2), highest + random(2, 9), 999][random(0, 5)] ?? 1;
      const key = `${PREFIX}${place}`;
      const what = random(0, 10);
      if (what === 0) await store.delete(key);
      else if (what === 1) for (const entry of await store.list(PREFIX)) await store.delete(entry.key);
      else if (what === 2) await put(`${PREFIX}${randomUUID()}`, Buffer.from("stray"));
      else await put(key, lie(place));
    },
    /** Removes what would stop signing for as long as it lies there. */
    async endsLying() {
      for (const { key, value } of await store.list(PREFIX))
        if (Buffer.from(value).includes('"kek":"stranger"')) await store.delete(key);
    },
  };
}

/** A keyring, and what it must still hold to. */
interface Replica {
  readonly ring: Keyring;
  readonly events: readonly KeyringEvent[];
  /** Keys that have signed, as they were first seen. They verify until their end, unless they were revoked. */
  readonly known: Map<string, KeyInfo>;
  readonly revoked: Set<string>;
}

async function openReplica(options: Partial<KeyringOptions>): Promise<Replica> {
  let bytes: Uint8Array | undefined;
  const snapshot = {
    load: async () => bytes,
    save: async (record: Uint8Array) => {
      bytes = record;
    },
  };
  const made = makeOptions({ ...options, snapshot });
  const ring = await openKeyring(made.options);
  ring.start();
  return { ring, events: made.events, known: new Map(), revoked: new Set() };
}

/** What is wrong with the keys that a replica lists. Remembers them. */
function* listingFaults({ ring, known, revoked }: Replica, now: number, forgedKid: string): Generator<string> {
  for (const key of ring.list(now)) {
    if (key.kid === forgedKid) yield "a forged key is listed";
    if (key.verifyUntil > FORGED_END && key.verifyUntil !== NEVER) yield "a time was forged";
    if (key.revokedAt !== undefined) revoked.add(key.kid);
    else if (key.signFrom <= now) known.set(key.kid, key);
  }
}

/** What is wrong with how a replica verifies. */
function* verifyingFaults({ ring, events, known, revoked }: Replica, now: number): Generator<string> {
  const dropped = new Set(events.flatMap((event) => (event.type === "dropped" ? event.kids : [])));
  for (const [kid, { verifyUntil }] of known) {
    const { state } = ring.verifier(kid, now);
    if (revoked.has(kid) && state === "ok") yield "a revocation was lost";
    const mustVerify = now < verifyUntil && !dropped.has(kid) && !revoked.has(kid);
    if (mustVerify && state !== "ok") yield `a key that has signed is ${state}`;
  }
}

/** The error of a call that may fail while the store lies. */
async function attempt(work: () => Promise<unknown> | undefined): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof KeyringError || error instanceof Problem)) throw error;
  }
}

/** Runs three replicas beside a liar that has these keys, and returns what went wrong. */
async function run(t: ExecutionContext, random: Random, keys: RecordKeys, recordKeys?: RecordKeys) {
  const store = createMemoryKeyValue(() => start);
  const clock = { now: start };
  const faults: string[] = [];
  const options = { store, now: () => clock.now, ...(recordKeys === undefined ? {} : { recordKeys }) };
  const replicas = [await openReplica(options), await openReplica(options), await openReplica(options)] as const;
  t.teardown(() => Promise.all(replicas.map(({ ring }) => ring.stop())));
  const liar = createLiar(store, random, keys);

  function wait(ms: number): void {
    clock.now += ms;
  }

  function check(): void {
    for (const replica of replicas)
      faults.push(...listingFaults(replica, clock.now, liar.forgedKid), ...verifyingFaults(replica, clock.now));
  }

  async function step({ ring }: Replica): Promise<void> {
    const steps = [
      async () => wait(random(0, 8) * hour),
      async () => wait(PATIENCE_MS),
      () => ring.revoke(ring.list(clock.now)[random(0, 3)]?.kid ?? "", "a test"),
      () => ring.rotate(),
      () => ring.maintain(),
      () => ring.maintain(),
    ];
    await attempt(async () => steps[random(0, steps.length)]?.());
  }

  const maintainAll = async () => {
    for (const { ring } of replicas) await attempt(() => ring.maintain());
  };

  for (let count = 0; count < 40; count++) {
    for (let lies = random(0, 4); lies > 0; lies--) await liar.tellOne();
    await step(replicas[random(0, replicas.length)] ?? replicas[0]);
    check();
  }
  await liar.endsLying();
  for (let turn = 0; turn < 30; turn++) {
    wait(PATIENCE_MS);
    await maintainAll();
  }
  // After emergencies in a row no key may sign until its lead is over.
  wait(20 * minute);
  await maintainAll();
  await maintainAll();
  check();
  if (replicas.some(({ ring }) => ring.signer(clock.now) === undefined)) faults.push("signing did not come back");
  if (new Set(replicas.map(({ ring }) => ring.epoch)).size !== 1) faults.push("the rings differ");
  await Promise.all(replicas.map(({ ring }) => ring.stop()));
  return faults;
}

test("beside a client that writes anything, verifying goes on, nothing is forged, and signing comes back", async (t) => {
  boundByRounds(t);
  const random = seededRandom(t);
  for (let round = 0; round < rounds(6); round++) t.deepEqual(await run(t, random, STRANGERS), [], `round ${round}`);
});

test("negative control: with records that are taken without their MAC, forged keys and times are found", async (t) => {
  boundByRounds(t);
  const random = seededRandom(t);
  const [{ kek }] = makeOptions().options.recordKeys;
  const anyMac: RecordKeys = [{ kek, mac: () => "x" }];
  const faults = new Set<string>();
  const found = () => faults.has("a forged key is listed") && faults.has("a time was forged");
  for (let round = 0; round < 30 && !found(); round++)
    for (const fault of await run(t, random, anyMac, anyMac)) faults.add(fault);
  t.true(found(), [...faults].join());
});
