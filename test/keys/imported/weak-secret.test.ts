import { randomBytes } from "node:crypto";
import test from "ava";
import { SECRET_ENCODINGS, secretBytes } from "../../../src/keys/imported/secret.ts";
import { weakness as weaknessFor } from "../../../src/keys/imported/weak-secret.ts";

const weakness = (text: string, bytes: Buffer) => weaknessFor(text, bytes, "HS256");

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
  ["a-string-secret-at-least-256-bits-long", PLACEHOLDER],
  ["a-valid-string-secret-that-is-at-least-384-bits-long", PLACEHOLDER],
  ["a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long", PLACEHOLDER],
  ["super-secret-jwt-token-with-at-least-32-characters-long", PLACEHOLDER],
  ["your-super-secret-jwt-token-with-at-least-32-characters-long", PLACEHOLDER],
  ["reallyreallyreallyreallyverysafe", PLACEHOLDER],
  ["django-insecure-k7Zq2mXw9RtB4nVc8LpJ6hGf3DsA1yE", PLACEHOLDER],
  ["a".repeat(64), /fewer than 8 different bytes/],
  ["abcabcabcabcabcabcabcabcabcabcabcabc", /fewer than 8 different bytes/],
  ["0123456789abcdef0123456789abcdef", /one piece repeated/],
  ["k7Zq2mXw9RtB4nVc8LpJk7Zq2mXw9RtB4nVc8LpJ", /one piece repeated/],
] as const) {
  test(`weak: ${text}`, (t) => {
    t.regex(weakness(text, Buffer.from(text)) ?? "it is taken", why);
  });
}

test("a private key in PEM is not called a placeholder, in which its label has the words", (t) => {
  for (const label of ["PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY"]) {
    const bytes = Buffer.from(
      `-----BEGIN ${label}-----\n${randomBytes(48).toString("base64")}\n-----END ${label}-----\n`,
    );
    for (const text of [bytes.toString(), bytes.toString("base64")])
      t.regex(weakness(text, bytes) ?? "it is taken", /^is a private key in PEM, which has an algorithm/);
  }
});

test("a placeholder is found behind its encoding too", (t) => {
  const bytes = Buffer.from("please replace me: YOUR_ACCESS_KEY!!");
  t.regex(weakness(bytes.toString("base64"), bytes) ?? "it is taken", PLACEHOLDER);
  t.regex(weakness(bytes.toString("hex"), bytes) ?? "it is taken", PLACEHOLDER);
});

for (const [page, sample, encoding] of [
  [
    "RFC 7515, A.1",
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    "base64url",
  ],
  ["RFC 7520, 3.5", "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg", "base64url"],
  ["FastAPI", "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7", "hex"],
  ["Hasura", "3EK6FD+o0+c7tzBNVfjpMkNDi2yARAAKzQlk8O2IKoxQu4nF7EdAh8s3TwpHwrdWT6R", "utf8"],
  ["a tutorial for Spring", "404E635266556A586E3272357538782F413F4428472B4B6250645367566B5970", "hex"],
] as const) {
  test(`the sample of ${page} is known as its text, its bytes, and in every encoding of either`, (t) => {
    for (const bytes of [Buffer.from(sample), Buffer.from(sample, encoding)])
      for (const accepted of SECRET_ENCODINGS) {
        const text = bytes.toString(accepted);
        const given = secretBytes(text, accepted);
        if (given?.equals(bytes)) t.regex(weakness(text, given) ?? "it is taken", /well-known page/, accepted);
      }
    const other = `8${sample.slice(1)}`;
    t.is(weakness(other, Buffer.from(other)), undefined, "control: a neighbour is no sample");
  });
}

test("32 random bytes in any encoding, and a long random text, are not weak", (t) => {
  for (let round = 0; round < 500; round++) {
    const random = randomBytes(32 + (round % 40));
    for (const encoding of SECRET_ENCODINGS) {
      const text = random.toString(encoding === "utf8" ? "base64url" : encoding);
      t.is(weakness(text, secretBytes(text, encoding) ?? Buffer.alloc(0)), undefined, random.toString("hex"));
    }
  }
});
