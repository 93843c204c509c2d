import test from "ava";
import { keyState, signer, takingOver } from "../../../src/keys/rotating/key-states.ts";
import { openKeyring } from "../../../src/keys/rotating/keyring.ts";
import { makeOptions } from "./keyring-under-test.ts";
import { day, firstRing, minute, policy, start } from "./ring-under-test.ts";

/** A keyring, and the replicas that do not hold its epoch yet. */
async function openAmong(late: string[]) {
  const asked: number[] = [];
  const made = makeOptions({
    late(epoch) {
      asked.push(epoch);
      return late;
    },
  });
  return { ...made, asked, keyring: await openKeyring(made.options) };
}

test("at the take-over the previous key goes on signing until all replicas hold the next one", async (t) => {
  const late = ["replica-b"];
  const { keyring, asked } = await openAmong(late);
  const [, next, first] = keyring.list(start).map(({ kid }) => kid);
  const time = start + day + minute;
  t.is(keyring.signer(time)?.kid, first);
  late.length = 0;
  t.is(keyring.signer(time)?.kid, next);
  t.true(asked.length > 0 && asked.every((epoch) => epoch === 1), "since the epoch that listed it first");
});

test("no longer than the delay", async (t) => {
  const { keyring } = await openAmong(["replica-b"]);
  const [, next, first] = keyring.list(start).map(({ kid }) => kid);
  t.is(keyring.signer(start + day + policy.activationDelay - 1)?.kid, first);
  t.is(keyring.signer(start + day + policy.activationDelay)?.kid, next);
});

test("the very first key waits for no replica: there is no key before it", async (t) => {
  const { keyring } = await openAmong(["replica-b"]);
  t.not(keyring.signer(start), undefined);
});

test("while a key waits it is listed as published with the replicas that are late, and they are reported once", async (t) => {
  const late = ["replica-b", "replica-c"];
  const { keyring, clock, events } = await openAmong(late);
  const [, next, first] = keyring.list(start).map(({ kid }) => kid);
  clock.now = start + day;
  for (let turn = 0; turn < 3; turn++) await keyring.maintain();
  const listed = Object.fromEntries(keyring.list(clock.now).map((key) => [key.kid, key]));
  t.like(listed[next ?? ""], { state: "published", waitsFor: ["replica-b", "replica-c"] });
  t.like(listed[first ?? ""], { state: "active", waitsFor: [] });
  t.is(keyring.plan(clock.now).activeKid, first);
  t.is(keyring.nextRotation(clock.now + 1), start + day, "the rotation is late");
  t.deepEqual(
    events.filter(({ type }) => type === "late"),
    [{ type: "late", keyset: "service", kid: next, replicas: late }],
  );
});

test("the standby of an emergency is held by all for long, and waits only for a replica that is not", (t) => {
  const ring = firstRing();
  const [first, second] = ring.keys;
  const postponed = ({ kid }: { readonly kid: string }) => kid === second?.kid;
  const time = start + day;
  t.is(signer(ring, time, postponed), first);
  t.is(takingOver(ring, time, postponed), second);
  t.deepEqual(
    ring.keys.map((key) => keyState(ring, key, time, postponed)),
    ["active", "published", "standby"],
  );
  t.is(
    signer(ring, time, () => true),
    second,
    "all wait: the newest",
  );
});
