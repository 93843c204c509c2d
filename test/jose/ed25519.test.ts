import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import test from "ava";
import { type Ed25519, OPENSSL } from "../../src/jose/ed25519/ed25519.ts";
import { loadSodium } from "../../src/jose/ed25519/library.ts";
import { isSafeKey } from "../../src/jose/ed25519/points.ts";
import { sodiumEd25519 } from "../../src/jose/ed25519/sodium.ts";
import { add, BASE, challenge, encode, L, OF_ORDER_8, times, toBytes } from "../support/tokens/ed25519-group.ts";
import { testUnless } from "../support/unless-missing.ts";

const sodium = await loadSodium().catch(() => undefined);
const missing = sodium === undefined ? "the optional package sodium-native is not installed" : undefined;
const LIBSODIUM = sodium === undefined ? OPENSSL : sodiumEd25519(sodium);

/** RFC 8032, 7.1: tests 1 and 3. */
const RFC_8032 = [
  [
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "",
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  ],
  [
    "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    "af82",
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
  ],
] as const;

/** A key, a text and a signature whose parts may have a component of small order, and the one verdict that is right. */
interface Crafted {
  readonly what: string;
  readonly key: Buffer;
  readonly text: Buffer;
  readonly signature: Buffer;
  readonly valid: boolean;
}

/**
 * Signatures of a holder of the private key a, who adds k multiples of a point of order 8 to the public key A and to
 * R. S·B = R + h·A then holds for their parts of large order alone. It holds as written, which is the rule here, if the
 * parts of small order cancel out; multiplied by the cofactor 8, which other verifiers do, it always holds.
 */
function crafted(): Crafted[] {
  const [a, r] = [5n ** 90n % L, 7n ** 80n % L];
  const [aB, rB] = [times(a, BASE), times(r, BASE)];
  const small = Array.from({ length: 8 }, (_, k) => times(BigInt(k), OF_ORDER_8));
  return small.flatMap((inKey, kA) =>
    small.flatMap((inR, kR) => {
      const key = encode(add(aB, inKey));
      return [add(rB, inR), inR].flatMap((point, isSmall) => {
        const R = encode(point);
        return [0, 1, 2, 3].flatMap((nonce) => {
          const text = Buffer.from(`${kA} ${kR} ${isSmall} ${nonce}`);
          const h = challenge(R, key, text);
          const s = ((isSmall ? 0n : r) + h * a) % L;
          const holds = (Number(h % 8n) * kA + kR) % 8 === 0 && isSmall === 0;
          const what = `A + ${kA} T, R ${isSmall ? "=" : "+"} ${kR} T, h mod 8 = ${h % 8n}`;
          return [
            { what, key, text, signature: Buffer.concat([R, toBytes(s)]), valid: holds },
            { what: `${what}, S + L`, key, text, signature: Buffer.concat([R, toBytes(s + L)]), valid: false },
          ];
        });
      });
    }),
  );
}

const CRAFTED = crafted();

test("the crafted signatures show each rule", (t) => {
  const count = (pattern: RegExp, wanted: boolean) =>
    CRAFTED.filter(({ what, valid }) => pattern.test(what) && valid === wanted).length;
  t.is(CRAFTED.length, 8 * 8 * 2 * 4 * 2);
  t.is(count(/^A \+ 0 T, R \+ 0 T.*\d$/, true), 4, "honest ones are valid");
  t.true(count(/^A \+ [1-7] T, R \+ [1-7] T.*\d$/, true) > 10, "and so are those whose small parts cancel out");
  t.is(count(/^A \+ 0 T, R \+ [1-7] T.*\d$/, false), 28, "with the cofactor these would be valid");
  t.is(count(/R = /, false), 8 * 8 * 4 * 2, "R of small order never is");
  t.is(count(/S \+ L$/, false), 8 * 8 * 2 * 4, "nor S above L");
  t.true(CRAFTED.every(({ key }) => isSafeKey(key)));
});

for (const [ed25519, absent] of [
  [OPENSSL, undefined],
  [LIBSODIUM, missing],
] as const)
  contract(absent === undefined ? ed25519.library : "libsodium", ed25519, absent);

/** What every implementation of the port does. */
function contract(name: string, { signer, verifier }: Ed25519, absent: string | undefined): void {
  const check = (title: string, implementation: Parameters<typeof testUnless>[2]) =>
    testUnless(absent, `${name}: ${title}`, implementation);

  check("a seed has the public key and the signature of RFC 8032", (t) => {
    for (const [seed, publicKey, text, signature] of RFC_8032) {
      const key = signer(Buffer.from(seed, "hex"));
      t.is(key.publicKey.toString("hex"), publicKey);
      t.is(key.sign(Buffer.from(text, "hex")).toString("hex"), signature);
      t.true(verifier(key.publicKey)(Buffer.from(text, "hex"), Buffer.from(signature, "hex")));
    }
  });

  check("the key does not depend on the bytes of the seed once it is made", (t) => {
    const seed = randomBytes(32);
    const key = signer(seed);
    const signature = key.sign(Buffer.from("text"));
    seed.fill(0);
    t.deepEqual(key.sign(Buffer.from("text")), signature);
  });

  check("signatures are not written over by later ones", (t) => {
    const key = signer(randomBytes(32));
    const signatures = Array.from({ length: 100 }, (_, at) => key.sign(Buffer.from(`text ${at}`)));
    t.true(signatures.every((signature, at) => verifier(key.publicKey)(Buffer.from(`text ${at}`), signature)));
  });

  check("a destroyed key signs nothing, as often as it is destroyed; its public key verifies, and others sign", (t) => {
    const [key, other] = [signer(randomBytes(32)), signer(randomBytes(32))];
    const signature = key.sign(Buffer.from("text"));
    key.destroy();
    key.destroy();
    t.throws(() => key.sign(Buffer.from("text")));
    t.true(verifier(key.publicKey)(Buffer.from("text"), signature));
    t.true(verifier(other.publicKey)(Buffer.from("text"), other.sign(Buffer.from("text"))));
  });

  check("a signature of any other length, or with any bit changed, does not verify, and does not throw", (t) => {
    const key = signer(randomBytes(32));
    const text = Buffer.from("text");
    const signature = key.sign(text);
    const verify = verifier(key.publicKey);
    for (let length = 0; length < 64; length++) t.false(verify(text, signature.subarray(0, length)));
    t.false(verify(text, Buffer.concat([signature, Buffer.alloc(1)])));
    for (let bit = 0; bit < 512; bit++) {
      const changed = Buffer.from(signature);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      t.false(verify(text, changed), `bit ${bit}`);
    }
  });

  check("each crafted signature has the verdict of the rules", (t) => {
    const wrong = CRAFTED.filter(({ key, text, signature, valid }) => verifier(key)(text, signature) !== valid);
    t.deepEqual(
      wrong.map(({ what }) => what),
      [],
    );
  });

  check("a public key that is no point verifies nothing, and does not throw", (t) => {
    // y = 2 is on no point of the curve.
    const key = toBytes(2n);
    t.true(isSafeKey(key));
    const signature = signer(randomBytes(32)).sign(Buffer.from("text"));
    t.false(verifier(key)(Buffer.from("text"), signature));
  });
}

testUnless(missing, "both libraries make the same key and signature from each seed, and take each other's", (t) => {
  for (let round = 0; round < 300; round += 1) {
    const [seed, text] = [randomBytes(32), randomBytes(round * 7)];
    const [one, other] = [OPENSSL.signer(seed), LIBSODIUM.signer(seed)];
    const [left, right] = [one.sign(text), other.sign(text)];
    t.deepEqual([one.publicKey, left], [other.publicKey, right]);
    t.true(OPENSSL.verifier(other.publicKey)(text, right) && LIBSODIUM.verifier(one.publicKey)(text, left));
    other.destroy();
  }
});

const KEY_BYTES = 64;

/** libsodium, what was asked of its memory, and the memory itself, in which the test can look. */
function watchedSodium(changes: Partial<NonNullable<typeof sodium>> = {}) {
  const taken: Buffer[] = [];
  const calls: string[] = [];
  const watched = sodiumEd25519({
    ...(sodium as NonNullable<typeof sodium>),
    sodium_malloc(size) {
      const memory = Buffer.alloc(size);
      taken.push(memory);
      return memory;
    },
    sodium_mprotect_readonly: () => void calls.push("readonly"),
    sodium_mprotect_readwrite: () => void calls.push("readwrite"),
    sodium_memzero(bytes) {
      calls.push("zero");
      bytes.fill(0);
    },
    ...changes,
  });
  return { watched, taken, calls };
}

testUnless(
  missing,
  "libsodium's copy of a private key can't be written, and is overwritten when it is destroyed",
  (t) => {
    const { watched, taken, calls } = watchedSodium();
    const seed = randomBytes(32);
    const key = watched.signer(seed);
    t.is(taken.length, 1);
    t.is(taken[0]?.indexOf(seed), taken[0]?.lastIndexOf(seed), "one copy");
    t.true(taken[0]?.includes(seed), "control: it is the private key");
    t.deepEqual(calls.splice(0), ["readonly", "readwrite", "readonly"]);
    key.destroy();
    t.true(taken[0]?.every((byte) => byte === 0));
    t.deepEqual(calls, ["readwrite", "zero", "readonly"]);
  },
);

testUnless(missing, "the place of a destroyed key has the next one, which the first can't sign with", (t) => {
  const { watched, taken } = watchedSodium();
  const keys = Array.from({ length: 63 }, () => watched.signer(randomBytes(32)));
  t.is(taken.length, 1);
  keys[7]?.destroy();
  const next = watched.signer(randomBytes(32));
  t.is(taken.length, 1);
  t.throws(() => keys[7]?.sign(Buffer.from("text")), { message: "the private key was destroyed" });
  keys[7]?.destroy();
  for (const key of [...keys.toSpliced(7, 1), next])
    t.true(watched.verifier(key.publicKey)(Buffer.from("text"), key.sign(Buffer.from("text"))));
  watched.signer(randomBytes(32));
  t.is(taken.length, 2, "control: one more finds no place");
});

testUnless(missing, "a key that can't be made or protected leaves nothing of itself, and its place to another", (t) => {
  const real = sodium as NonNullable<typeof sodium>;
  const failing = { readwrite: false, make: false, readonly: false };
  const { watched, taken } = watchedSodium({
    crypto_sign_seed_keypair(publicKey, secretKey, seed) {
      real.crypto_sign_seed_keypair(publicKey, secretKey, seed);
      fail("make");
    },
    sodium_mprotect_readwrite: () => fail("readwrite"),
    sodium_mprotect_readonly: () => fail("readonly"),
  });
  function fail(step: keyof typeof failing): void {
    const fails = failing[step];
    failing[step] = false;
    if (fails) throw new Error(step);
  }
  watched.signer(randomBytes(32)).destroy();
  for (const step of ["readwrite", "make", "readonly"] as const) {
    failing[step] = true;
    t.throws(() => watched.signer(randomBytes(32)), { message: step });
    t.true(taken[0]?.every((byte) => byte === 0));
  }
  const keys = Array.from({ length: 63 }, () => watched.signer(randomBytes(32)));
  t.is(taken.length, 1);
  t.is(taken[0]?.indexOf(Buffer.alloc(KEY_BYTES)), -1, "control: every place has a key");
  t.is(keys.length, 63);
});

/** How many mappings this process has, of which Linux allows it 65 530. */
const mappings = () => readFileSync("/proc/self/maps", "latin1").split("\n").length;

testUnless(missing, "thousands of open keys take few of the mappings that a process may have", (t) => {
  const [keys, memories]: [ReturnType<Ed25519["signer"]>[], Buffer[]] = [[], []];
  const before = mappings();
  for (let at = 0; at < 2_000; at += 1) keys.push(LIBSODIUM.signer(randomBytes(32)));
  const between = mappings();
  for (let at = 0; at < 2_000; at += 1) memories.push(sodium?.sodium_malloc(KEY_BYTES) as Buffer);
  t.true(between - before < 1_000, `${between - before}`);
  t.true(mappings() - between > 2_000, "control: with memory for each key they would not");
  for (const key of keys) key.destroy();
  for (const memory of memories) sodium?.sodium_free(memory);
});
