import { createSecretKey } from "node:crypto";
import test from "ava";
import { createSubjectHasher } from "../../src/audit/subject-hash.ts";

test("a subject's hash is the beginning of its HMAC-SHA-256: RFC 4231, 4.3", (t) => {
  const hmac = Buffer.from("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", "hex");
  const hashSubject = createSubjectHasher(createSecretKey(Buffer.from("Jefe")));
  t.is(hashSubject("what do ya want for nothing?"), hmac.toString("base64url").slice(0, 22));
});

test("subjects keep the hashes that stored events and revocations name them by", (t) => {
  const hashSubject = createSubjectHasher(createSecretKey(Buffer.alloc(32, 7)));
  const stored = [
    ["", "naxqdEAbRu2bSJ0OGdaNGx"],
    ["user-1", "iRJ3xYhUVcaKqGt8uJ9rqG"],
    ["é😀".repeat(3), "t9bhqGmUqjiL2YEiBy2HEf"],
    ["a".repeat(5000), "owVSSLXTqRhIkDkBFRgbiL"],
  ] as const;
  for (const [subject, hash] of stored) t.is(hashSubject(subject), hash);
});
