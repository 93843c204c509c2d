import { createHmac, createPublicKey, generateKeyPairSync, type JsonWebKey, sign } from "node:crypto";
import test from "ava";
import { CompactSign, calculateJwkThumbprint, compactVerify, createLocalJWKSet, exportJWK } from "jose";
import { kekOf } from "../../src/jose/kek.ts";
import { createKeyVault } from "../../src/jose/key-vault.ts";
import { seal } from "../../src/jose/seal.ts";
import { KeyringError } from "../../src/keys/error.ts";
import { KEYSET_ALGORITHMS, type KeysetAlgorithm, type PublicJwk } from "../../src/keys/model.ts";
import { parseRecord } from "../../src/keys/rotating/parse-record.ts";
import type { KeyRecord } from "../../src/keys/rotating/record.ts";
import { makeRing } from "../keys/rotating/ring-under-test.ts";
import { keyringCode } from "../support/keyring-code.ts";

const kek = kekOf(Buffer.alloc(32, 1));
const vault = createKeyVault([kek]);
const times = { publishAt: 0, signFrom: 0, signUntil: 1, verifyUntil: 2 };
const data = Buffer.from("what is signed");
const MEMBERS = { EdDSA: ["crv", "kty", "x"], ES256: ["crv", "kty", "x", "y"], RS256: ["e", "kty", "n"] };

/** Made once: RSA keys are slow to find. */
const made = new Map<KeysetAlgorithm, Promise<KeyRecord>>();
function record(alg: KeysetAlgorithm): Promise<KeyRecord> {
  const making = made.get(alg) ?? vault.make("service", alg).then((key) => ({ ...key, alg, since: 1, ...times }));
  made.set(alg, making);
  return making;
}

for (const alg of KEYSET_ALGORITHMS) {
  test(`${alg}: jose verifies what the key signs with the JWKS alone, and the other way round`, async (t) => {
    const key = await record(alg);
    const input = `${Buffer.from(JSON.stringify({ alg, kid: key.kid })).toString("base64url")}.aGVsbG8`;
    const signature = (await vault.open("service", key)).sign(Buffer.from(input));
    const jwks = createLocalJWKSet({ keys: [{ ...key.publicJwk, alg, kid: key.kid, use: "sig" }] });
    const { payload } = await compactVerify(`${input}.${signature.toString("base64url")}`, jwks, { algorithms: [alg] });
    t.is(Buffer.from(payload).toString(), "hello");

    const pair = pairOf(alg);
    const theirs = await new CompactSign(Buffer.from("hi")).setProtectedHeader({ alg }).sign(pair.privateKey);
    const [header, body, text = ""] = theirs.split(".");
    const publicJwk = (await exportJWK(pair.publicKey)) as unknown as PublicJwk;
    const verifying = vault.verifying({ kid: "abcdefghijklmnop", alg, publicJwk });
    t.true(verifying.verify(Buffer.from(`${header}.${body}`), Buffer.from(text, "base64url")));
    t.false(verifying.verify(Buffer.from(`${header}.Ym8`), Buffer.from(text, "base64url")));
  });

  test(`${alg}: the kid is the thumbprint's, the JWK has the public members alone, and its record is read back`, async (t) => {
    const key = await record(alg);
    t.is(key.kid, (await calculateJwkThumbprint({ ...key.publicJwk })).slice(0, 16));
    t.deepEqual(Object.keys(key.publicJwk).toSorted(), MEMBERS[alg === "PS256" ? "RS256" : alg]);
    const ring = makeRing({ keys: [key] });
    t.deepEqual(parseRecord(JSON.stringify(ring)), ring);
  });

  test(`${alg}: no signature of another length or with a changed bit verifies, and none throws`, async (t) => {
    const key = await record(alg);
    const signature = (await vault.open("service", key)).sign(data);
    const { verify } = vault.verifying(key);
    t.true(verify(data, signature));
    const changed = Array.from(signature, (_, at) => {
      const copy = Buffer.from(signature);
      copy[at] = (copy[at] ?? 0) ^ 0x80;
      return copy;
    });
    const lengths = Array.from(signature, (_, length) => signature.subarray(0, length));
    const zeros = [Buffer.alloc(signature.length), Buffer.alloc(signature.length, 0xff)];
    const longer = [Buffer.concat([signature, Buffer.alloc(1)]), Buffer.concat([Buffer.alloc(1), signature])];
    for (const wrong of [...changed, ...lengths, ...zeros, ...longer]) t.false(verify(data, wrong));
  });

  test(`${alg}: a key of every other algorithm is KEY_MISMATCH, and its signature does not verify`, async (t) => {
    const key = await record(alg);
    for (const other of KEYSET_ALGORITHMS.filter((one) => one !== alg)) {
      const theirs = await record(other);
      const { verify } = vault.verifying(key);
      t.false(verify(data, (await vault.open("service", theirs)).sign(data)), other);
      const relabelled = { ...theirs, alg };
      if (isRsa(alg) && isRsa(other)) {
        // The same key is a key of both, and still: its record says which one, and the other's signature is none.
        const signature = (await vault.open("service", theirs)).sign(data);
        t.false(vault.verifying(relabelled).verify(data, signature), other);
      } else {
        t.is(
          keyringCode(() => vault.verifying(relabelled)),
          "KEY_MISMATCH",
          other,
        );
        t.is(
          keyringCode(() => parseRecord(JSON.stringify(makeRing({ keys: [relabelled] })))),
          "BROKEN_RECORD",
          other,
        );
      }
      // The seal names the algorithm.
      t.is(await rejection(vault.open("service", relabelled)), "SWAPPED_KEY", other);
    }
  });
}

test("a public key is not a secret: an HMAC under any encoding of it is not a signature", async (t) => {
  for (const alg of KEYSET_ALGORITHMS) {
    const key = await record(alg);
    const publicKey = createPublicKey({ key: { ...key.publicJwk } as JsonWebKey, format: "jwk" });
    const spellings = [
      publicKey.export({ format: "pem", type: "spki" }),
      publicKey.export({ format: "der", type: "spki" }),
      JSON.stringify(key.publicJwk),
    ];
    for (const secret of spellings)
      t.false(vault.verifying(key).verify(data, createHmac("sha256", secret).update(data).digest()), alg);
  }
});

test("ES256: a DER signature does not verify, and a signature is always 64 bytes", async (t) => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const publicJwk = (await exportJWK(publicKey)) as unknown as PublicJwk;
  const { verify } = vault.verifying({ kid: "abcdefghijklmnop", alg: "ES256", publicJwk });
  const signing = await vault.open("service", await record("ES256"));
  // In about one of 128, r or s has a leading zero, which DER leaves out.
  for (let round = 0; round < 300; round++) {
    t.is(signing.sign(Buffer.from(`${round}`)).length, 64);
    const der = sign("sha256", data, privateKey);
    if (verify(data, der)) t.fail(`round ${round}: ${der.toString("hex")}`);
  }
  t.true(verify(data, sign("sha256", data, { key: privateKey, dsaEncoding: "ieee-p1363" })));
});

test("PS256: a salt of another length than the hash is not taken", async (t) => {
  const { privateKey, publicKey } = pairOf("PS256");
  const publicJwk = (await exportJWK(publicKey)) as unknown as PublicJwk;
  const { verify } = vault.verifying({ kid: "abcdefghijklmnop", alg: "PS256", publicJwk });
  const signed = (saltLength: number) => sign("sha256", data, { key: privateKey, padding: 6, saltLength });
  t.true(verify(data, signed(32)));
  for (const saltLength of [0, 20, 31, 33, 64]) t.false(verify(data, signed(saltLength)), `${saltLength}`);
});

for (const [name, jwk] of Object.entries({
  "RSA of 1024 bits": { alg: "RS256", publicJwk: jwkOf("rsa", { modulusLength: 1024 }) },
  "RSA of 4104 bits": {
    alg: "PS256",
    publicJwk: { kty: "RSA", n: Buffer.alloc(513, 0xff).toString("base64url"), e: "AQAB" },
  },
  "EC of P-384": { alg: "ES256", publicJwk: jwkOf("ec", { namedCurve: "P-384" }) },
  "EC of secp256k1": { alg: "ES256", publicJwk: jwkOf("ec", { namedCurve: "secp256k1" }) },
  "a point that is not on P-256": {
    alg: "ES256",
    publicJwk: { kty: "EC", crv: "P-256", x: "A".repeat(43), y: "A".repeat(43) },
  },
})) {
  test(`a public key that is ${name} is KEY_MISMATCH`, (t) => {
    const key = { kid: "abcdefghijklmnop", ...jwk } as Parameters<typeof vault.verifying>[0];
    t.is(
      keyringCode(() => vault.verifying(key)),
      "KEY_MISMATCH",
    );
  });
}

test("a sealed private key of another kind of key than its record's is KEY_MISMATCH", async (t) => {
  const key = await record("ES256");
  const other = generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey.export({ format: "der", type: "pkcs8" });
  const sealed = await seal(other, { keyset: "service", kid: key.kid, alg: "ES256" }, [kek]);
  t.is(await rejection(vault.open("service", { ...key, sealed })), "KEY_MISMATCH");
});

test("calls go on while an RSA key is made", async (t) => {
  let turns = 0;
  const count = setInterval(() => (turns += 1), 1);
  await vault.make("service", "RS256");
  clearInterval(count);
  t.true(turns > 0);
});

function pairOf(alg: KeysetAlgorithm) {
  if (alg === "EdDSA") return generateKeyPairSync("ed25519");
  return alg === "ES256"
    ? generateKeyPairSync("ec", { namedCurve: "P-256" })
    : generateKeyPairSync("rsa", { modulusLength: 2048 });
}

function jwkOf(type: "rsa" | "ec", options: object): unknown {
  return generateKeyPairSync(type as "rsa", options as { modulusLength: number }).publicKey.export({ format: "jwk" });
}

function isRsa(alg: KeysetAlgorithm): boolean {
  return alg === "RS256" || alg === "PS256";
}

function rejection(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "done",
    (error) => (error instanceof KeyringError ? error.code : String(error)),
  );
}
