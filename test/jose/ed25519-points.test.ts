import { createHash, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import test from "ava";
import { isSafeKey, isSafeSignature } from "../../src/jose/ed25519/points.ts";
import { kekOf } from "../../src/jose/kek.ts";
import { createKeyVault } from "../../src/jose/key-vault.ts";
import { SCHEMES } from "../../src/jose/schemes.ts";
import { KeyringError } from "../../src/keys/error.ts";

const { EdDSA } = SCHEMES;
const keyOf = (x: string): KeyObject =>
  createPublicKey({
    key: { kty: "OKP", crv: "Ed25519", x: Buffer.from(x, "hex").toString("base64url") },
    format: "jwk",
  });

/** As a verifier does: the key is checked when it is loaded, the signature for each token. */
function accepts(key: string, message: Buffer, signature: Buffer): boolean {
  const publicKey = keyOf(key);
  return EdDSA.jwkOf(publicKey) !== undefined && EdDSA.verify(message, publicKey, signature);
}

/**
 * The cases of "Taming the many EdDSAs" (Chalkias, Garillot, Nikolaenko; SSR 2020), published as ed25519-speccheck, and
 * the answers of libsodium in that paper's table: 3 alone is valid (mixed orders, and the equation without the
 * cofactor holds).
 */
const SPECCHECK: readonly (readonly [what: string, message: string, key: string, signature: string, valid: boolean])[] =
  [
    [
      "small A and R, S = 0",
      "8c93255d71dcab10e8f379c26200f3c7bd5f09d9bc3068d3ef4edeb4853022b6",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a0000000000000000000000000000000000000000000000000000000000000000",
      false,
    ],
    [
      "small A, mixed R",
      "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
      "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43a5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
      false,
    ],
    [
      "mixed A, small R",
      "aebf3f2601a0c8c5d39cc7d8911642f740b78168218da8471772b35f9d35b9ab",
      "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa8c4bd45aecaca5b24fb97bc10ac27ac8751a7dfe1baff8b953ec9f5833ca260e",
      false,
    ],
    [
      "mixed A and R",
      "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
      "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
      "9046a64750444938de19f227bb80485e92b83fdb4b6506c160484c016cc1852f87909e14428a7a1d62e9f22f3d3ad7802db02eb2e688b6c52fcd6648a98bd009",
      true,
    ],
    [
      "mixed A and R, valid with the cofactor alone",
      "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
      "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
      "160a1cb0dc9c0258cd0a7d23e94d8fa878bcb1925f2c64246b2dee1796bed5125ec6bc982a269b723e0668e540911a9a6a58921d6925e434ab10aa7940551a09",
      false,
    ],
    [
      "mixed A, valid if 8h is not reduced",
      "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
      "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
      "21122a84e0b5fca4052f5b1235c80a537878b38f3142356b2c2384ebad4668b7e40bc836dac0f71076f9abe3a53f9c03c1ceeeddb658d0030494ace586687405",
      false,
    ],
    [
      "S above L",
      "85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
      "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
      "e96f66be976d82e60150baecff9906684aebb1ef181f67a7189ac78ea23b6c0e547f7690a0e2ddcd04d87dbc3490dc19b3b3052f7ff0538cb68afb369ba3a514",
      false,
    ],
    [
      "S far above L",
      "85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
      "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
      "8ce5b96c8f26d0ab6c47958c9e68b937104cd36e13c33566acd2fe8d38aa19427e71f98a473474f2f13f06f97c20d58cc3f54b8bd0d272f42b695dd7e89a8c22",
      false,
    ],
    [
      "R not canonical, reduced before hashing",
      "9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41",
      "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff03be9678ac102edcd92b0210bb34d7428d12ffc5df5f37e359941266a4e35f0f",
      false,
    ],
    [
      "R not canonical, hashed as it is",
      "9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41",
      "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffca8c5b64cd208982aa38d4936621a4775aa233aa0505711d8fdcfdaa943d4908",
      false,
    ],
    [
      "A not canonical, reduced before hashing",
      "e96b7021eb39c1a163b6da4e3093dcd3f21387da4cc4572be588fafae23c155b",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
      "a9d55260f765261eb9b84e106f665e00b867287a761990d7135963ee0a7d59dca5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
      false,
    ],
    [
      "A not canonical, hashed as it is",
      "39a591f5321bbe07fd5a23dc2f39d025d74526615746727ceefd6e82ae65c06f",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
      "a9d55260f765261eb9b84e106f665e00b867287a761990d7135963ee0a7d59dca5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
      false,
    ],
  ];

for (const [index, [what, message, key, signature, valid]] of SPECCHECK.entries())
  test(`case ${index} of speccheck, ${what}, is ${valid ? "valid" : "rejected"}`, (t) => {
    t.is(accepts(key, Buffer.from(message, "hex"), Buffer.from(signature, "hex")), valid);
  });

test("the checks reject every case of small order and of a large S by themselves, whatever the library would say", (t) => {
  const passed = SPECCHECK.flatMap(([, , key, signature], index) =>
    isSafeKey(Buffer.from(key, "hex")) && isSafeSignature(Buffer.from(signature, "hex")) ? [index] : [],
  );
  t.deepEqual(passed, [3, 4, 5], "the equation decides these, and holds for the first");
});

/** Vectors of C2SP's CCTV: points of small order in canonical and other encodings; the message is text. */
const CCTV = [
  ["0000000000000000000000000000000000000000000000000000000000000000", `${"00".repeat(64)}`, "ed25519vectors 11"],
  ["edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", `${"00".repeat(64)}`, "ed25519vectors 6"],
  [
    "10eb7c3acfb2bed3e0d6ab89bf5a3d6afddd1176ce4812e38d9fd485058fdb1f",
    "00000000000000000000000000000000000000000000000000000000000000009472a69cd9a701a50d130ed52189e2455b23767db52cacb8716fb896ffeeac09",
    "ed25519vectors 3",
  ],
  [
    "10eb7c3acfb2bed3e0d6ab89bf5a3d6afddd1176ce4812e38d9fd485058fdb1f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7fad7a355469b5c87e550469f6b2de409ee723acd584bf35f86b80c384e8ceb702",
    "ed25519vectors 3",
  ],
  [
    "10eb7c3acfb2bed3e0d6ab89bf5a3d6afddd1176ce4812e38d9fd485058fdb1f",
    "0000000000000000000000000000000000000000000000000000000000000080050abffcd4d8ccbb4b8d6bf6649f5aa99e8de5cc182a7409633856ff53f49e0c",
    "ed25519vectors 10",
  ],
] as const;

for (const [key, signature, message] of CCTV)
  test(`the vector ${message} of ${key.slice(0, 8)} and ${signature.slice(0, 8)} is rejected`, (t) => {
    t.false(accepts(key, Buffer.from(message), Buffer.from(signature, "hex")));
  });

test("a key of small order or not canonical is refused when it is loaded", (t) => {
  const vault = createKeyVault([kekOf(Buffer.alloc(32, 1))]);
  for (const y of ["00", "01", "ec", "ed", "ee", "ef", "ff"]) {
    for (const last of ["7f", "ff"]) {
      const point = y < "10" ? `${y}${"00".repeat(31)}` : `${y}${"ff".repeat(30)}${last}`;
      const x = Buffer.from(point, "hex").toString("base64url");
      const load = () => vault.verifying({ kid: "k", alg: "EdDSA", publicJwk: { kty: "OKP", crv: "Ed25519", x } });
      t.is(t.throws(load, { instanceOf: KeyringError }).code, "KEY_MISMATCH", point);
    }
  }
});

const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const littleEndian = (bytes: Buffer) => BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
const bytesOf = (number: bigint) => Buffer.from(number.toString(16).padStart(64, "0"), "hex").reverse();

test("even the holder of a key can't make a signature with R of small order, nor a second one with S + L", (t) => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const seed = Buffer.from(privateKey.export({ format: "jwk" }).d ?? "", "base64url");
  const scalar = createHash("sha512").update(seed).digest().subarray(0, 32);
  scalar[0] = (scalar[0] ?? 0) & 248;
  scalar[31] = ((scalar[31] ?? 0) & 127) | 64;
  const a = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");
  const message = Buffer.from("a token");
  // R is the neutral element: S = h·a.
  const r = bytesOf(1n);
  const h = littleEndian(createHash("sha512").update(r).update(a).update(message).digest());
  const crafted = Buffer.concat([r, bytesOf((h * littleEndian(scalar)) % L)]);
  t.false(isSafeSignature(crafted));
  t.false(EdDSA.verify(message, publicKey, crafted));

  const honest = EdDSA.sign(message, privateKey);
  t.true(EdDSA.verify(message, publicKey, honest));
  const second = Buffer.concat([honest.subarray(0, 32), bytesOf(littleEndian(honest.subarray(32)) + L)]);
  t.false(isSafeSignature(second));
  t.false(EdDSA.verify(message, publicKey, second));
  for (const length of [0, 63, 65]) t.false(EdDSA.verify(message, publicKey, Buffer.alloc(length, 2)));
});

test("S is compared with L exactly", (t) => {
  const signature = (s: bigint) => Buffer.concat([Buffer.alloc(32, 2), bytesOf(s)]);
  for (const s of [0n, 1n, L - 1n, 2n ** 252n]) t.true(isSafeSignature(signature(s)), String(s));
  for (const s of [L, L + 1n, 2n ** 253n, 2n ** 256n - 1n]) t.false(isSafeSignature(signature(s)), String(s));
});

test("honest keys and signatures are safe", (t) => {
  for (let round = 0; round < 200; round += 1) {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    t.true(isSafeKey(Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url")));
    t.true(EdDSA.verify(Buffer.from("m"), publicKey, EdDSA.sign(Buffer.from("m"), privateKey)));
  }
});
