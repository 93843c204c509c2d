import { randomBytes } from "node:crypto";
import test from "ava";
import { kekOf } from "../../src/jose/kek.ts";
import { createSessionSealer } from "../../src/jose/session-seal.ts";

const [one, two] = [kekOf(randomBytes(32)), kekOf(randomBytes(32))];

test("what was sealed opens for its own binding alone", (t) => {
  const { seal, open } = createSessionSealer([one]);
  const sealed = seal("text", "binding");
  t.is(open(sealed, "binding"), "text");
  t.is(open(sealed, "bindinG"), undefined);
});

test("any changed byte, and any shorter text, does not open", (t) => {
  const { seal, open } = createSessionSealer([one]);
  const sealed = seal("text", "binding");
  for (const at of sealed.keys()) {
    const changed = Uint8Array.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    t.is(open(changed, "binding"), undefined);
    t.is(open(sealed.subarray(0, at), "binding"), undefined);
  }
});

test("two seals of one text differ, and neither shows it", (t) => {
  const { seal } = createSessionSealer([one]);
  const [first, second] = [seal("text", "binding"), seal("text", "binding")];
  t.notDeepEqual(first, second);
  t.false(Buffer.from(first).includes("text"));
});

test("what an earlier KEK sealed opens while it is given, and not without it", (t) => {
  const sealed = createSessionSealer([one]).seal("text", "binding");
  t.is(createSessionSealer([two, one]).open(sealed, "binding"), "text");
  t.is(createSessionSealer([two]).open(sealed, "binding"), undefined);
});
