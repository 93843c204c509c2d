import { createHmac, createSecretKey } from "node:crypto";
import test from "ava";
import fc from "fast-check";
import { createHmacSha256 } from "../../src/audit/hmac.ts";

test("one key gives for each text, long or short, what Node's HMAC gives", (t) => {
  const secrets = fc.uint8Array({ minLength: 1, maxLength: 64 }).map((bytes) => createSecretKey(Buffer.from(bytes)));
  const texts = fc.array(fc.string({ unit: "binary", maxLength: 1_000 }), { minLength: 1, maxLength: 5 });
  t.notThrows(() =>
    fc.assert(
      fc.property(secrets, texts, (secret, [first = "", ...others]) => {
        const hmac = createHmacSha256(secret);
        return [first, ...others, first, "lone \ud800"].every(
          (text) => hmac(text) === createHmac("sha256", secret).update(text).digest("base64url"),
        );
      }),
    ),
  );
});

test("a key that is longer than a block is refused: HMAC would hash it", (t) => {
  t.throws(() => createHmacSha256(createSecretKey(Buffer.alloc(65))), { instanceOf: RangeError, message: /65 bytes/ });
});
