import test from "ava";
import { identityFault } from "../../src/problem/field-rules.ts";
import { tokenIdOf } from "../../src/token/token-id.ts";

const SIGNED = Buffer.from("header.payload");
/** `printf header.payload | openssl dgst -sha256 -binary | basenc --base64url | tr -d =` */
const HASHED = "h.4_68V_O9SLSN8UsnH5kFqyV0IithWudmqptgbzg6SpM";

test("a token is known by its jti", (t) => {
  for (const jti of ["id-1", "é", "x".repeat(255), "two words", "h.x"]) t.is(tokenIdOf(jti, SIGNED), jti);
});

test("a token without a jti, or with one that no revocation could name, is known by the hash of what was signed", (t) => {
  const token = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLXRoYXQtaXMtbG9uZw";
  for (const jti of [token, undefined, "", 7, "x".repeat(256), "é".repeat(128), "a\nb", "a\u0000", "a\uFFFDb"])
    t.is(tokenIdOf(jti, SIGNED), HASHED, JSON.stringify(jti));
  t.is(identityFault(HASHED), undefined);
});
