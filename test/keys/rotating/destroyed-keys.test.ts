import test from "ava";
import { KeyringError } from "../../../src/keys/error.ts";
import { openKeyring } from "../../../src/keys/rotating/keyring.ts";
import type { EpochRecord } from "../../../src/keys/rotating/record.ts";
import type { KeyMaker } from "../../../src/keys/vault.ts";
import { createMemoryKeyValue } from "../../../src/state/memory.ts";
import { makeOptions } from "./keyring-under-test.ts";
import { day, start } from "./ring-under-test.ts";

/** Makes keys, and knows those that are open and not yet destroyed, by kid. */
function watched(maker: KeyMaker) {
  const open: string[] = [];
  const watching: KeyMaker = {
    ...maker,
    async open(keyset, record) {
      const key = await maker.open(keyset, record);
      open.push(key.kid);
      return {
        ...key,
        destroy() {
          key.destroy();
          const at = open.indexOf(key.kid);
          if (at === -1) throw new Error("a key was destroyed twice");
          open.splice(at, 1);
        },
      };
    },
  };
  return { maker: watching, open };
}

function replica(store = createMemoryKeyValue(() => start)) {
  const { options, clock } = makeOptions({ store });
  const { maker, open } = watched(options.maker);
  const held: string[] = [];
  const onRing = ({ keys }: EpochRecord) =>
    held.splice(0, held.length, ...keys.filter(({ sealed }) => sealed !== undefined).map(({ kid }) => kid));
  return { options: { ...options, maker, onRing }, clock, open, held, store };
}

test("of the private keys only those of the ring in use are open, through rotations by two replicas at once", async (t) => {
  const one = replica();
  const other = replica(one.store);
  const rings = [await openKeyring(one.options), await openKeyring(other.options)] as const;
  for (const hours of [0, 12, 24, 25, 36, 48, 96]) {
    for (const { clock } of [one, other]) clock.now = start + (hours / 24) * day;
    await Promise.all(rings.map((ring) => ring.maintain()));
    await rings[0].maintain();
    for (const { open, held } of [one, other]) {
      t.true(held.length > 1);
      t.deepEqual(open.toSorted(), held.toSorted(), `after ${hours} hours`);
    }
  }
  t.true(rings[0].epoch > 3);
  t.not(rings[0].signer(one.clock.now)?.sign(Buffer.from("text")), undefined);
});

test("a key that is revoked is destroyed at once", async (t) => {
  const { options, open } = replica();
  const ring = await openKeyring(options);
  const kid = ring.signer(start)?.kid ?? "";
  t.true(open.includes(kid));
  const signer = ring.signer(start);
  await ring.revoke(kid, "it leaked");
  t.false(open.includes(kid));
  t.throws(() => signer?.sign(Buffer.from("text")));
});

test("a keyring that has stopped has no private key, and verifies", async (t) => {
  const { options, open } = replica();
  const ring = await openKeyring(options);
  const signer = ring.signer(start);
  const signature = signer?.sign(Buffer.from("text")) ?? Buffer.alloc(0);
  t.true(open.length > 0);
  await ring.stop();
  t.deepEqual(open, []);
  t.is(ring.signer(start), undefined);
  const found = ring.verifier(signer?.kid ?? "", start);
  t.true(found.state === "ok" && found.key.verify(Buffer.from("text"), signature));
});

test("of a ring whose last key can't prove itself no key stays open", async (t) => {
  const { options, open } = replica();
  let opened = 0;
  const { maker } = options;
  const lying: KeyMaker = {
    ...maker,
    async open(keyset, record) {
      const key = await maker.open(keyset, record);
      return ++opened === 3 ? { ...key, sign: () => Buffer.alloc(64) } : key;
    },
  };
  const error = await t.throwsAsync(openKeyring({ ...options, maker: lying }), { instanceOf: KeyringError });
  t.is(error?.code, "KEY_MISMATCH");
  t.is(opened, 3);
  t.deepEqual(open, []);
});
