import test from "ava";
import fc from "fast-check";
import { filterOf, keyOf, subjectOf } from "../../../src/nats/bucket/entry.ts";

const segment = fc.stringMatching(/^[A-Za-z0-9_-]{1,12}$/);

test("every key has a subject of its own, and comes back from it", (t) => {
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1, maxLength: 5 }), (segments) => {
      const key = segments.join("/");
      t.is(keyOf(subjectOf(key)), key);
      t.regex(subjectOf(key), /^\$KV\.signet(\.[A-Za-z0-9_-]+)+$/);
    }),
  );
});

test("a text that is not a key has no subject, and no other subject has a key", (t) => {
  for (const text of ["a b", "a\r\nPUB x 0\r\n", "a.b", "a>", "*", ""]) {
    t.like(
      t.throws(() => subjectOf(text)),
      { code: "BAD_KEY" },
      JSON.stringify(text),
    );
    t.like(
      t.throws(() => filterOf(`${text}\n`)),
      { code: "BAD_KEY" },
      JSON.stringify(text),
    );
  }
  for (const subject of ["$KV.other.a", "$KV.signet.a=b", "$KV.signet.", "$KV.signet.a..b", "$KV.signet.a/b", "x"]) {
    t.is(keyOf(subject), undefined, subject);
  }
});

test("a filter uses the whole segments of a prefix", (t) => {
  t.is(filterOf(""), "$KV.signet.>");
  t.is(filterOf("ke"), "$KV.signet.>");
  t.is(filterOf("keys/"), "$KV.signet.keys.>");
  t.is(filterOf("keys/service/ep"), "$KV.signet.keys.service.>");
});
