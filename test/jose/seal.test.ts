import test from "ava";
import { CompactEncrypt, compactDecrypt, decodeProtectedHeader } from "jose";
import { deriveKey, type Keks, kekOf } from "../../src/jose/kek.ts";
import { seal, unseal } from "../../src/jose/seal.ts";
import { keyringCode } from "../support/keyring-code.ts";

const one = kekOf(Buffer.alloc(32, 1));
const two = kekOf(Buffer.alloc(32, 2));
const binding = { keyset: "service", kid: "abcdefghijklmnop", alg: "EdDSA" };
const secret = (): Buffer => Buffer.from("a private key");

const opening = (sealed: string, keks: Keks): string => keyringCode(() => unseal(sealed, binding, keks));

test("what was sealed opens for its own binding", async (t) => {
  const sealed = await seal(secret(), binding, [one]);
  t.deepEqual(unseal(sealed, binding, [one]), secret());
});

test("a seal uses dir and A256GCM, is never the same twice, and reveals nothing of its content", async (t) => {
  const [first, second] = [await seal(secret(), binding, [one]), await seal(secret(), binding, [one])];
  t.like(decodeProtectedHeader(first), { alg: "dir", enc: "A256GCM", kek: one.id, v: 1, keyset: "service" });
  t.not(first, second);
  t.false(first.includes(secret().toString("base64url")));
});

test("jose opens what is sealed, and what jose sealed opens", async (t) => {
  const sealed = await seal(secret(), binding, [one]);
  const { plaintext, protectedHeader } = await compactDecrypt(sealed, deriveKey(one, "seal"));
  t.deepEqual(Buffer.from(plaintext), secret());
  const jwe = new CompactEncrypt(secret()).setProtectedHeader(protectedHeader as { alg: "dir"; enc: "A256GCM" });
  t.deepEqual(unseal(await jwe.encrypt(deriveKey(one, "seal")), binding, [one]), secret());
});

test("a secret opens for its own profile and tenant alone, and never as a key of a keyset", async (t) => {
  const owner = { profile: "hivekit", tenant: "Käse", kid: binding.kid, alg: "HS256" };
  const sealed = await seal(secret(), owner, [one]);
  t.deepEqual(unseal(sealed, owner, [one]), secret());
  for (const other of [
    { ...owner, tenant: "" },
    { ...owner, profile: "other" },
    { ...binding, alg: "HS256" },
  ])
    t.is(
      keyringCode(() => unseal(sealed, other, [one])),
      "SWAPPED_KEY",
    );
});

test("the first KEK seals, and any given one opens", async (t) => {
  const both: Keks = [two, one];
  const [underOne, underTwo] = [await seal(secret(), binding, [one]), await seal(secret(), binding, both)];
  t.is(opening(underOne, both), "done");
  t.is(opening(underTwo, [two]), "done");
  t.is(opening(underTwo, [one]), "WRONG_KEK");
});

for (const [field, value] of Object.entries({ keyset: "other", kid: "ponmlkjihgfedcba", alg: "ES256" })) {
  test(`a blob of another ${field} is SWAPPED_KEY`, async (t) => {
    const sealed = await seal(secret(), binding, [one]);
    t.is(
      keyringCode(() => unseal(sealed, { ...binding, [field]: value }, [one])),
      "SWAPPED_KEY",
    );
  });
}

test("a blob of another version, or of another use of the same key, is SWAPPED_KEY", async (t) => {
  const header = {
    alg: "dir",
    enc: "A256GCM",
    kek: one.id,
    keyset: "service",
    sealedKid: binding.kid,
    sealedAlg: "EdDSA",
  };
  for (const extra of [{ v: 2, typ: "signet-key" }, { v: 1, typ: "other" }, { v: 1 }]) {
    const jwe = new CompactEncrypt(secret()).setProtectedHeader({ ...header, ...extra });
    t.is(opening(await jwe.encrypt(deriveKey(one, "seal")), [one]), "SWAPPED_KEY");
  }
});

test("a blob whose header names a KEK that did not seal it is DAMAGED_KEY", async (t) => {
  const sealed = await seal(secret(), binding, [one]);
  const [header, ...rest] = sealed.split(".");
  const named = Buffer.from(header ?? "", "base64url")
    .toString()
    .replace(one.id, two.id);
  const forged = [Buffer.from(named).toString("base64url"), ...rest].join(".");
  t.is(opening(forged, [one, two]), "DAMAGED_KEY");
  t.is(opening(forged, [one]), "WRONG_KEK");
});

test("no changed character of a blob opens as anything else, and every cut is found", async (t) => {
  const sealed = await seal(secret(), binding, [one]);
  const found = new Set<string>();
  for (let at = 0; at < sealed.length; at++) {
    const changed = `${sealed.slice(0, at)}${sealed[at] === "A" ? "Q" : "A"}${sealed.slice(at + 1)}`;
    const code = keyringCode(() => opensAs(unseal(changed, binding, [one])));
    found.add(code);
    if (!["DAMAGED_KEY", "WRONG_KEK", "done"].includes(code)) t.fail(`character ${at}: ${code}`);
    t.is(opening(sealed.slice(0, at), [one]), "DAMAGED_KEY", `cut at ${at}`);
  }
  t.true(found.has("DAMAGED_KEY") && found.has("WRONG_KEK"));
});

/** The last character of a base64url part has bits that mean nothing: to change those opens the same secret. */
function opensAs(plaintext: Uint8Array): void {
  if (!Buffer.from(plaintext).equals(secret())) throw new Error("opened as something else");
}

test("a JWE that asks for another algorithm is DAMAGED_KEY: none but dir and A256GCM is tried", async (t) => {
  const key = deriveKey(one, "seal");
  const header = { alg: "A256KW", enc: "A256GCM", kek: one.id } as const;
  const jwe = await new CompactEncrypt(secret()).setProtectedHeader(header).encrypt(key);
  t.is(opening(jwe, [one]), "DAMAGED_KEY");
});
