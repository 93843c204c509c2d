import test from "ava";
import fc from "fast-check";
import { filterOf, keyOf, subjectOf } from "../../../src/nats/bucket/entry.ts";
import { LIVE_BUCKET, STATE_BUCKET } from "../../../src/nats/bucket/name.ts";

const segment = fc.stringMatching(/^[A-Za-z0-9_-]{1,12}$/);

test("every key has a subject of its own in each bucket, and comes back from it", (t) => {
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1, maxLength: 5 }), (segments) => {
      const key = segments.join("/");
      for (const name of [STATE_BUCKET, LIVE_BUCKET]) t.is(keyOf(name, subjectOf(name, key)), key);
      t.regex(subjectOf(STATE_BUCKET, key), /^\$KV\.signet(\.[A-Za-z0-9_-]+)+$/);
      t.is(keyOf(STATE_BUCKET, subjectOf(LIVE_BUCKET, key)), undefined);
      t.is(keyOf(LIVE_BUCKET, subjectOf(STATE_BUCKET, key)), undefined);
    }),
  );
});

test("a text that is not a key has no subject, and no other subject has a key", (t) => {
  for (const text of ["a b", "a\r\nPUB x 0\r\n", "a.b", "a>", "*", ""]) {
    t.like(
      t.throws(() => subjectOf(STATE_BUCKET, text)),
      { code: "BAD_KEY" },
      JSON.stringify(text),
    );
    t.like(
      t.throws(() => filterOf(STATE_BUCKET, `${text}\n`)),
      { code: "BAD_KEY" },
      JSON.stringify(text),
    );
  }
  for (const subject of ["$KV.other.a", "$KV.signet.a=b", "$KV.signet.", "$KV.signet.a..b", "$KV.signet.a/b", "x"]) {
    t.is(keyOf(STATE_BUCKET, subject), undefined, subject);
  }
});

test("a filter uses the whole segments of a prefix", (t) => {
  t.is(filterOf(STATE_BUCKET, ""), "$KV.signet.>");
  t.is(filterOf(STATE_BUCKET, "ke"), "$KV.signet.>");
  t.is(filterOf(STATE_BUCKET, "keys/"), "$KV.signet.keys.>");
  t.is(filterOf(STATE_BUCKET, "keys/service/ep"), "$KV.signet.keys.service.>");
  t.is(filterOf(LIVE_BUCKET, "used/"), "$KV.signet-live.used.>");
});
