import test from "ava";
import { openKeyring } from "../../src/keys/rotating/keyring.ts";
import { type KeyValue, StateError } from "../../src/state/keyvalue.ts";
import { makeOptions } from "../keys/rotating/keyring-under-test.ts";
import { day, hour, minute, policy, start } from "../keys/rotating/ring-under-test.ts";
import { callerNamed } from "../support/caller.ts";

const message = Buffer.from("signing input");

/** A store that does what it is asked, and whose answers to claims get lost as long as it is said. */
function losing(store: KeyValue, answers: { readonly lost: boolean }): KeyValue {
  return {
    ...store,
    async create(...args) {
      const revision = await store.create(...args);
      if (answers.lost) throw new StateError("UNAVAILABLE", "no answer came");
      return revision;
    },
  };
}

test("a rotation by hand is an epoch of its own, and earlier tokens keep verifying", async (t) => {
  const { options, clock, events } = makeOptions();
  const keyring = await openKeyring(options);
  const before = keyring.signer(start);
  const signature = before?.sign(message) ?? Buffer.alloc(0);
  clock.now = start + hour;
  const rotation = await keyring.rotate();
  t.like(rotation, { signFrom: start + hour, epoch: 2 });
  t.is(keyring.signer(clock.now)?.kid, rotation.kid);
  t.not(rotation.kid, before?.kid);
  const found = keyring.verifier(before?.kid ?? "", clock.now);
  t.true(found.state === "ok" && found.key.verify(message, signature));
  const next = { kid: rotation.kid, signFrom: start + hour };
  t.like(events.at(-1), { type: "epoch.created", epoch: 2, reason: "manual", next });
});

test("a rotation that is requested again after a lost answer returns the one that was made, until the next epoch", async (t) => {
  const { options, clock } = makeOptions();
  const keyring = await openKeyring(options);
  const other = await openKeyring(makeOptions({ store: options.store, now: () => clock.now }).options);
  clock.now = start + hour;
  const rotation = await keyring.rotate();
  clock.now += policy.activationDelay - 1;
  t.deepEqual(await keyring.rotate(), rotation);
  t.deepEqual(await other.rotate(), rotation);
  clock.now += 1;
  await keyring.maintain();
  const second = await keyring.rotate();
  t.not(second.kid, rotation.kid);
  t.is(second.signFrom, start + hour + policy.lead);
});

test("an epoch by hand is reported with its caller, even if its creation got no answer", async (t) => {
  const { options, clock, events } = makeOptions();
  const answers = { lost: false };
  const keyring = await openKeyring({ ...options, store: losing(options.store, answers) });
  clock.now = start + hour;
  answers.lost = true;
  await t.throwsAsync(keyring.rotate(undefined, callerNamed("alice")), { code: "UNREADABLE" });
  answers.lost = false;
  await keyring.rotate(undefined, callerNamed("bob"));
  const { kid } = keyring.signer(clock.now) ?? {};
  await keyring.revoke(kid ?? "", "stolen", callerNamed("carol"));
  clock.now = start + 3 * day;
  await keyring.maintain();
  t.deepEqual(
    events.flatMap((event) => (event.type === "epoch.created" ? [[event.reason, event.caller]] : [])).slice(0, 4),
    [
      ["first", undefined],
      ["manual", callerNamed("alice")],
      ["emergency", callerNamed("carol")],
      ["lapsed", undefined],
    ],
  );
});

test("replicas that rotate by hand in the same instant make one epoch, and name the same key", async (t) => {
  const { options, clock } = makeOptions();
  const made = Array.from({ length: 5 }, () => makeOptions({ store: options.store, now: () => clock.now }));
  await openKeyring(options);
  const keyrings = await Promise.all(made.map((one) => openKeyring(one.options)));
  clock.now = start + minute;
  const rotations = await Promise.all(keyrings.map((keyring) => keyring.rotate()));
  t.is(new Set(rotations.map((rotation) => JSON.stringify(rotation))).size, 1);
  t.like(rotations[0], { epoch: 2, signFrom: start + policy.lead });
  t.is(made.flatMap(({ events }) => events).filter(({ type }) => type === "epoch.created").length, 1);
});

test("a rotation that is too early, or without a store, leaves the ring as it is", async (t) => {
  const { options } = makeOptions();
  let fails = false;
  const store = {
    ...options.store,
    create: async (...args: Parameters<typeof options.store.create>) => {
      if (fails) throw new StateError("UNAVAILABLE", "unreachable");
      return options.store.create(...args);
    },
  };
  const keyring = await openKeyring({ ...options, store });
  const before = keyring.list(start);
  t.like(await t.throwsAsync(keyring.rotate(start)), { code: "TOO_EARLY" });
  fails = true;
  t.like(await t.throwsAsync(keyring.rotate()), { code: "UNREADABLE" });
  t.deepEqual(keyring.list(start), before);
});

test("a revoked key is known as such, and the standby signs what verifies", async (t) => {
  const { options, clock, events } = makeOptions();
  const keyring = await openKeyring(options);
  const stolen = keyring.signer(start)?.kid ?? "";
  clock.now = start + hour;
  const record = await keyring.revoke(stolen, "stolen");
  t.is(record.epoch, 2);
  t.deepEqual(keyring.verifier(stolen, clock.now), { state: "revoked" });
  t.false(keyring.jwks(clock.now).some(({ kid }) => kid === stolen));
  t.like(
    keyring.list(clock.now).find(({ kid }) => kid === stolen),
    { state: "revoked", revokedAt: clock.now },
  );
  const successor = keyring.signer(clock.now);
  const found = keyring.verifier(successor?.kid ?? "", clock.now);
  t.true(found.state === "ok" && found.key.verify(message, successor?.sign(message) ?? Buffer.alloc(0)));
  t.like(events.at(-1), { type: "epoch.created", reason: "emergency", removed: [] });
});

test("the private key of a revoked key is removed from the whole store when the call ends", async (t) => {
  const { options } = makeOptions();
  const keyring = await openKeyring(options);
  const stolen = keyring.signer(start)?.kid ?? "";
  const before = await options.store.get("keys/service/epoch/1");
  const body: { keys: { kid: string; sealed: string }[] } = JSON.parse(
    JSON.parse(Buffer.from(before?.value ?? []).toString()).body,
  );
  const sealed = body.keys.find(({ kid }) => kid === stolen)?.sealed ?? "";
  t.true(sealed.length > 100);
  await keyring.revoke(stolen, "stolen");
  t.is((await options.store.get("keys/service/epoch/1"))?.value.byteLength, 0);
  const after = Buffer.from((await options.store.get("keys/service/epoch/2"))?.value ?? []).toString();
  t.true(after.includes(stolen));
  t.false(after.includes(sealed));
});

test("to revoke a key again changes nothing, and one that is not there is KEY_NOT_FOUND", async (t) => {
  const { options } = makeOptions();
  const keyring = await openKeyring(options);
  const stolen = keyring.signer(start)?.kid ?? "";
  await keyring.revoke(stolen, "stolen");
  t.is((await keyring.revoke(stolen, "again")).epoch, 2);
  t.like(await t.throwsAsync(keyring.revoke("AAAAAAAAAAAAAAAA", "typing error")), { code: "KEY_NOT_FOUND" });
  t.is(keyring.epoch, 2);
});

test("a replica that revokes by what another one has rotated away does so on the newest epoch", async (t) => {
  const { options, clock } = makeOptions();
  const other = await openKeyring(options);
  const keyring = await openKeyring(makeOptions({ store: options.store, now: () => clock.now }).options);
  const stolen = keyring.signer(start)?.kid ?? "";
  clock.now = start + hour;
  const { kid } = await other.rotate();
  const record = await keyring.revoke(stolen, "stolen");
  t.is(record.epoch, 3);
  t.is(keyring.signer(clock.now)?.kid, kid);
});

test("an epoch whose creation was answered by an error is reported once it is found in the store", async (t) => {
  const { options, clock, events } = makeOptions();
  const answers = { lost: false };
  const keyring = await openKeyring({ ...options, store: losing(options.store, answers) });
  clock.now = start + day;
  answers.lost = true;
  await t.throwsAsync(keyring.maintain(), { code: "UNREADABLE" });
  t.is(events.length, 1);
  answers.lost = false;
  await keyring.maintain();
  t.is(keyring.epoch, 2);
  t.deepEqual(
    events.map((event) => (event.type === "epoch.created" ? event.epoch : event.type)),
    [1, 2],
  );
});
