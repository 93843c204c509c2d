import { generateKeyPairSync, sign } from "node:crypto";
import test from "ava";
import { ed25519Verifier } from "../../../src/audit/checkpoint/ed25519.ts";
import {
  openNote,
  parseVerifierKey,
  signNote,
  type VerifierKey,
  verifierKeyText,
} from "../../../src/audit/checkpoint/note.ts";

// The example of golang.org/x/mod/sumdb/note.
const PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const NOTE = `${TEXT}
— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
`;

function newSigner(name: string) {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const { x = "" } = publicKey.export({ format: "jwk" });
  const key = { name, publicKey: Buffer.from(x, "base64url") };
  return { key, sign: (data: Buffer) => sign(null, data, privateKey) };
}

const open = (note: string, key: VerifierKey) => openNote(note, key, ed25519Verifier(key.publicKey));

test("a note that another implementation signed opens, and its key is written as it was read", (t) => {
  const key = parseVerifierKey(PETER);
  t.is(open(NOTE, key), TEXT);
  t.is(verifierKeyText(key), PETER);
});

test("a note opens under the key that signed it, also beside signatures of others", (t) => {
  const [one, two] = [newSigner("a.example/audit/1"), newSigner("b.example/audit/2")];
  const note = signNote("text\n\nmore\n", one.key, one.sign);
  const [, other] = signNote("text\n\nmore\n", two.key, two.sign).split("more\n\n");
  t.is(open(note + other, one.key), "text\n\nmore\n");
  t.is(open(note + other, two.key), "text\n\nmore\n");
});

test("a note that was changed anywhere, or that another key signed, is UNSIGNED", (t) => {
  const { key, sign } = newSigner("a.example");
  const note = signNote("text\n", key, sign);
  const namesake = newSigner("a.example").key;
  t.throws(() => open(note.replace("text", "test"), key), { code: "UNSIGNED" });
  t.throws(() => open(note, namesake), { code: "UNSIGNED" });
  t.throws(() => open(note, { ...key, name: "b.example" }), { code: "UNSIGNED" });
});

test("what is no signed note is MALFORMED", (t) => {
  const key = parseVerifierKey(PETER);
  const [line] = NOTE.split("\n").slice(-2);
  for (const note of [
    "",
    "text\n",
    "text\n\n",
    `text\n\n${line}`,
    `text\n\n${line} x\n`,
    "text\n\n- a AAAAAAAA\n",
    `te\0xt\n\n${line}\n`,
  ])
    t.throws(() => open(note, key), { code: "MALFORMED" }, JSON.stringify(note));
});

test("what is no verifier key is MALFORMED", (t) => {
  const wrongType = PETER.replace("+AR", "+AB");
  for (const text of [
    "",
    "PeterNeumann",
    PETER.replace("c74f20a3", "c74f20a4"),
    PETER.slice(0, -4),
    ` ${PETER}`,
    wrongType,
  ])
    t.throws(() => parseVerifierKey(text), { code: "MALFORMED" }, text);
});
