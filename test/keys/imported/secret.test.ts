import { randomBytes } from "node:crypto";
import test from "ava";
import { SECRET_ENCODINGS, secretBytes } from "../../../src/keys/imported/secret.ts";

test("what an encoder wrote is read back as the same bytes", (t) => {
  for (const encoding of ["base64", "base64url", "hex"] as const)
    for (let length = 1; length < 70; length++) {
      const bytes = randomBytes(length);
      t.deepEqual(secretBytes(bytes.toString(encoding), encoding), bytes, `${encoding} ${bytes.toString("hex")}`);
    }
  t.deepEqual(secretBytes("DEADBEEF", "hex"), Buffer.from("deadbeef", "hex"));
  t.deepEqual(secretBytes(" pässwörd\n", "utf8"), Buffer.from(" pässwörd\n"));
});

for (const [name, encoding, text] of [
  ["no padding", "base64", "YWJjZA"],
  ["too much padding", "base64", "YWJjZA==="],
  ["bits of no meaning", "base64", "YWJjZB=="],
  ["a line break", "base64", "YWJj\nZGVm"],
  ["a space at the end", "base64", "YWJj "],
  ["the alphabet of base64url", "base64", "-_-_"],
  ["padding", "base64url", "YWJjZA=="],
  ["the alphabet of base64", "base64url", "+/+/"],
  ["bits of no meaning", "base64url", "YWJjZB"],
  ["an odd digit", "hex", "abc"],
  ["mixed case", "hex", "aBcD"],
  ["what is no digit", "hex", "zz"],
  ["a prefix", "hex", "0xab"],
  ["a lone surrogate", "utf8", "a\ud800"],
  ["what stands for broken UTF-8", "utf8", "a\ufffd"],
] as const) {
  test(`${encoding} with ${name} is not taken`, (t) => {
    t.is(secretBytes(text, encoding), undefined);
  });
}

test("each encoding reads the same text as other bytes", (t) => {
  const read = new Set(SECRET_ENCODINGS.map((encoding) => secretBytes("abcdef0123456789", encoding)?.toString("hex")));
  // base64 and base64url differ in two characters and in the padding alone.
  t.is(read.size, 3);
});
