import { randomBytes } from "node:crypto";
import test from "ava";
import { SECRET_ENCODINGS, secretBytes } from "../../../src/keys/imported/secret.ts";
import { weakness } from "../../../src/keys/imported/weak-secret.ts";

const PLACEHOLDER = /placeholder/;
const SHORT = /has \d+ bytes, and HS256 needs 32/;

for (const [text, why] of [
  ["*****************", SHORT],
  ["secret", PLACEHOLDER],
  ["YOUR ACCESS KEY HERE", PLACEHOLDER],
  ["your-256-bit-secret", PLACEHOLDER],
  ["changeme", PLACEHOLDER],
  ["change-me-please-change-me-please!", PLACEHOLDER],
  ["my-super-secret-key-for-development", PLACEHOLDER],
  ["correct-horse", SHORT],
  ["k7Zq2mXw9RtB4nVc8LpJ6hGf3DsA1yE", SHORT],
  ["a".repeat(64), /fewer than 8 different bytes/],
  ["abcabcabcabcabcabcabcabcabcabcabcabc", /fewer than 8 different bytes/],
  ["0123456789abcdef0123456789abcdef", /one piece repeated/],
  ["k7Zq2mXw9RtB4nVc8LpJk7Zq2mXw9RtB4nVc8LpJ", /one piece repeated/],
] as const) {
  test(`weak: ${text}`, (t) => {
    t.regex(weakness(text, Buffer.from(text)) ?? "it is taken", why);
  });
}

test("a placeholder is found behind its encoding too", (t) => {
  const bytes = Buffer.from("please replace me: YOUR_ACCESS_KEY!!");
  t.regex(weakness(bytes.toString("base64"), bytes) ?? "it is taken", PLACEHOLDER);
  t.regex(weakness(bytes.toString("hex"), bytes) ?? "it is taken", PLACEHOLDER);
});

test("32 random bytes in any encoding, and a long random text, are not weak", (t) => {
  for (let round = 0; round < 500; round++) {
    const random = randomBytes(32 + (round % 40));
    for (const encoding of SECRET_ENCODINGS) {
      const text = random.toString(encoding === "utf8" ? "base64url" : encoding);
      t.is(weakness(text, secretBytes(text, encoding) ?? Buffer.alloc(0)), undefined, random.toString("hex"));
    }
  }
});
