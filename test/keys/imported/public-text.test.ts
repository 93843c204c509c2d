import { createHmac, generateKeyPairSync, randomBytes } from "node:crypto";
import test from "ava";
import { publicKind } from "../../../src/keys/imported/public-text.ts";
import { SECRET_ENCODINGS, secretBytes } from "../../../src/keys/imported/secret.ts";
import { weakness as weaknessFor } from "../../../src/keys/imported/weak-secret.ts";
import { CERTIFICATE, PUBLIC_TEXTS, TOKEN } from "../../support/tokens/public-texts.ts";

const weakness = (text: string, bytes: Buffer) => weaknessFor(text, bytes, "HS256");

for (const [what, bytes] of PUBLIC_TEXTS)
  test(`public in every encoding, and in an encoding of it: ${what}`, (t) => {
    for (const encoding of SECRET_ENCODINGS) {
      // DER and the bytes of SSH are not UTF-8.
      const text = bytes.toString(encoding);
      const given = secretBytes(text, encoding);
      if (given === undefined || (encoding === "utf8" && !given.equals(bytes))) continue;
      t.regex(weakness(text, given) ?? "it is taken", /anyone who can read it could sign/, encoding);
      // The profile's encoding is another one than that of the text.
      for (const outer of ["utf8", "base64", "hex"] as const) {
        const wrapped = Buffer.from(text).toString(outer);
        t.truthy(weakness(wrapped, secretBytes(wrapped, outer) ?? Buffer.alloc(0)), `${encoding} in ${outer}`);
      }
    }
  });

for (const [what, text] of [
  ["the body of PEM without its first line", CERTIFICATE.split("\n").slice(1, -2).join("\n")],
  ["PEM whose line breaks are spaces", CERTIFICATE.replaceAll("\n", " ")],
  ["PEM whose line breaks are written out", CERTIFICATE.replaceAll("\n", "\\n")],
  ["a token with its scheme", `Bearer ${TOKEN}`],
  ["a token without its signature", TOKEN.slice(0, TOKEN.lastIndexOf(".") + 1)],
  ["the header of a token", TOKEN.slice(0, TOKEN.indexOf("."))],
] as const)
  test(`public: ${what}`, (t) => {
    t.regex(weakness(text, Buffer.from(text)) ?? "it is taken", /anyone who can read it could sign/);
  });

test("private keys and symmetric JWKs are not public", (t) => {
  const pairs = [
    generateKeyPairSync("rsa", { modulusLength: 2048 }),
    generateKeyPairSync("ec", { namedCurve: "P-256" }),
    generateKeyPairSync("ed25519"),
  ];
  for (const { privateKey } of pairs) {
    t.is(publicKind(Buffer.from(privateKey.export({ format: "pem", type: "pkcs8" }))), undefined);
    t.is(publicKind(privateKey.export({ format: "der", type: "pkcs8" })), undefined);
    t.is(publicKind(Buffer.from(JSON.stringify(privateKey.export({ format: "jwk" })))), undefined);
  }
  const [rsa, ec] = pairs;
  t.is(publicKind(Buffer.from(rsa?.privateKey.export({ format: "der", type: "pkcs1" }) ?? "")), undefined);
  t.is(publicKind(Buffer.from(ec?.privateKey.export({ format: "der", type: "sec1" }) ?? "")), undefined);
  t.is(publicKind(Buffer.from(JSON.stringify({ kty: "oct", alg: "HS256", k: "AA" }))), undefined);
});

test("random bytes that begin like DER, a point or a token are not public", (t) => {
  for (let round = 0; round < 300; round += 1)
    for (const [first, size] of [
      [0x30, 64],
      [0x04, 65],
      [0x04, 97],
      [0x7b, 48],
    ] as const) {
      const bytes = Buffer.concat([Buffer.from([first]), randomBytes(size - 1)]);
      t.is(publicKind(bytes), undefined, bytes.toString("hex"));
    }
  t.is(publicKind(Buffer.from(`eyJ${createHmac("sha256", "k").update("").digest("base64url")}.x.y`)), undefined);
});
