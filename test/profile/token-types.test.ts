import test from "ava";
import { createTokenTypes } from "../../src/profile/token-types.ts";

const PRESENTED = [undefined, "JWT", "jwt", "application/jwt", "application/JWT", "at+jwt", "text/jwt", "a/b", ""];

for (const [what, typ, others, imported, accepted] of [
  ["an imported key of tokens without typ", undefined, [], true, [undefined, "JWT", "jwt", "application/jwt"]],
  ["an imported key of tokens with JWT", "JWT", [], true, [undefined, "JWT", "jwt", "application/jwt"]],
  ["an imported key with an explicit type", "at+jwt", [], true, ["at+jwt"]],
  ["an explicit type beside others", "at+jwt", ["a/b"], true, ["at+jwt", "a/b"]],
  ["an explicit type beside JWT", "at+jwt", ["JWT"], true, [undefined, "JWT", "jwt", "application/jwt", "at+jwt"]],
  ["no typ beside others", undefined, ["at+jwt"], true, [undefined, "JWT", "jwt", "application/jwt", "at+jwt"]],
  ["a keyset of tokens without typ", undefined, [], false, [undefined]],
  ["a keyset of tokens with JWT", "JWT", [], false, ["JWT", "jwt", "application/jwt"]],
  ["a keyset with an explicit type", "at+jwt", [], false, ["at+jwt"]],
] as const)
  test(`${what} accepts ${accepted.map((one) => one ?? "none").join(", ")}`, (t) => {
    const types = createTokenTypes(typ, others, imported);
    for (const presented of PRESENTED) {
      const inAnyCase = accepted.some((one) => one?.toLowerCase() === presented?.toLowerCase());
      t.is(types.accepts(presented), inAnyCase, presented);
    }
  });

test("what is accepted is shown without its prefix, each once", (t) => {
  t.deepEqual(createTokenTypes("application/AT+jwt", ["at+jwt", "text/x", "application/a/b"], true).accepted, [
    "at+jwt",
    "text/x",
    "application/a/b",
  ]);
});
