import { createHmac } from "node:crypto";
import test from "ava";
import fc from "fast-check";
import { createSubjectHasher } from "../../src/audit/subject-hash.ts";

test("a subject's hash is the beginning of its HMAC-SHA-256", (t) => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 64 }),
      fc.array(fc.string({ unit: "binary", maxLength: 3000 }), { minLength: 1, maxLength: 4 }),
      (key, subjects) => {
        // One hasher for several: what one subject left behind must not change the next one's hash.
        const hashSubject = createSubjectHasher(key);
        for (const subject of subjects) {
          const hmac = createHmac("sha256", key).update(subject).digest("base64url");
          if (hashSubject(subject) !== hmac.slice(0, 22)) return false;
        }
        return true;
      },
    ),
  );
  t.pass();
});

test("subjects around the size up to which memory is shared are hashed whole", (t) => {
  const key = Buffer.alloc(32, 7);
  const hashSubject = createSubjectHasher(key);
  for (const length of [0, 1, 63, 64, 1023, 1024, 1025, 5000]) {
    for (const unit of ["a", "é", "😀"]) {
      const subject = unit.repeat(length);
      t.is(hashSubject(subject), createHmac("sha256", key).update(subject).digest("base64url").slice(0, 22));
    }
  }
});

test("a key that HMAC would hash first is refused", (t) => {
  t.throws(() => createSubjectHasher(Buffer.alloc(65)), { instanceOf: RangeError, message: /has 65 bytes/ });
});
