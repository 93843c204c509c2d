import { randomBytes } from "node:crypto";
import test from "ava";
import { CompactSign, compactVerify } from "jose";
import { type Keks, kekOf } from "../../src/jose/kek.ts";
import { createSecretVault } from "../../src/jose/secret-vault.ts";
import { KeyringError } from "../../src/keys/error.ts";
import type { Algorithm } from "../../src/keys/model.ts";

const one = kekOf(Buffer.alloc(32, 1));
const two = kekOf(Buffer.alloc(32, 2));
const vault = createSecretVault([one]);
const id = { profile: "hivekit", tenant: "acme", kid: "k1", alg: "HS256" as Algorithm };

test("jose verifies what a secret signs, and the other way round", async (t) => {
  const secret = randomBytes(32);
  const key = vault.key("k1", "HS256", Buffer.from(secret));
  const input = `${Buffer.from('{"alg":"HS256"}').toString("base64url")}.aGVsbG8`;
  const token = `${input}.${key.sign(Buffer.from(input)).toString("base64url")}`;
  const { payload } = await compactVerify(token, secret, { algorithms: ["HS256"] });
  t.is(Buffer.from(payload).toString(), "hello");
  const theirs = await new CompactSign(Buffer.from("hi")).setProtectedHeader({ alg: "HS256" }).sign(secret);
  const [header, body, signature = ""] = theirs.split(".");
  t.true(key.verify(Buffer.from(`${header}.${body}`), Buffer.from(signature, "base64url")));
  t.false(key.verify(Buffer.from(`${header}.Ym8`), Buffer.from(signature, "base64url")));
});

test("a MAC of any other length or with a changed byte does not verify, and does not throw", (t) => {
  const key = vault.key("k1", "HS256", randomBytes(32));
  const mac = key.sign(Buffer.from("data"));
  t.true(key.verify(Buffer.from("data"), mac));
  for (let at = 0; at < mac.length; at++) {
    const changed = Buffer.from(mac);
    changed[at] = (changed[at] ?? 0) ^ 1;
    t.false(key.verify(Buffer.from("data"), changed));
    t.false(key.verify(Buffer.from("data"), mac.subarray(0, at)));
  }
  t.false(key.verify(Buffer.from("data"), Buffer.concat([mac, mac])));
});

test("the bytes of a key are overwritten when it is made", (t) => {
  const bytes = randomBytes(32);
  vault.key("k1", "HS256", bytes);
  t.deepEqual(bytes, Buffer.alloc(32));
});

test("a sealed text opens unchanged, only for its own profile, tenant, kid and algorithm", async (t) => {
  const text = "sécret: ☂\n";
  const sealed = await vault.seal(text, id);
  t.is(vault.open(sealed, id), text);
  t.false(sealed.includes(Buffer.from(text).toString("base64url")));
  for (const other of [
    { profile: "other" },
    { tenant: "other" },
    { tenant: "" },
    { kid: "k2" },
    { alg: "HS512" } as const,
  ])
    t.is(codeOf(sealed, { ...id, ...other }), "SWAPPED_KEY", JSON.stringify(other));
});

test("it is sealed under the first KEK, and any given one opens it", async (t) => {
  const sealed = await createSecretVault([two, one]).seal("text", id);
  t.is(codeOf(sealed, id, [two]), "opened");
  t.is(codeOf(sealed, id, [one, two]), "opened");
  t.is(codeOf(sealed, id, [one]), "WRONG_KEK");
});

test("equal secrets have one fingerprint, and another one under another KEK", (t) => {
  const [left, right] = [Buffer.from("left"), Buffer.from("right")];
  t.is(vault.fingerprint("HS256", left), createSecretVault([one, two]).fingerprint("HS256", left));
  t.regex(vault.fingerprint("HS256", left), /^[A-Za-z0-9_-]{16}$/);
  t.not(vault.fingerprint("HS256", left), vault.fingerprint("HS256", right));
  t.not(vault.fingerprint("HS256", left), createSecretVault([two]).fingerprint("HS256", left));
});

function codeOf(sealed: string, of: typeof id, keks: Keks = [one]): string {
  try {
    createSecretVault(keks).open(sealed, of);
    return "opened";
  } catch (error) {
    return error instanceof KeyringError ? error.code : String(error);
  }
}
