import { isDeepStrictEqual } from "node:util";
import test from "ava";
import type { ClaimRule } from "../../src/profile/profile.ts";
import { mapClaims } from "../../src/profile/sign-claims.ts";
import { serviceProfile } from "../support/profiles.ts";

const VALUES = {
  issuer: "https://i",
  subject: "alice",
  audience: ["a", "b"],
  caller: "spiffe://c",
  issued_at: 1,
  expires_at: 2,
  token_id: "t",
};

/** The signed text of a profile with these rules. */
function signed(claims: readonly ClaimRule[], request: Readonly<Record<string, unknown>> = {}): string {
  const { text, object } = mapClaims({ ...serviceProfile(), claims }, VALUES, request);
  if (!isDeepStrictEqual(JSON.parse(text), object)) throw new Error("text and object differ");
  return text;
}

test("claims are signed in the profile's order, whatever their names", (t) => {
  const claims = [
    { name: "z", from: "subject" },
    { name: "a", value: 1 },
    { name: "m", from: "audience" },
  ] as const;
  t.is(signed(claims), '{"z":"alice","a":1,"m":["a","b"]}');
});

test("the request's claims stand where the rest stands, sorted by name", (t) => {
  const claims = [{ name: "z", value: true }, { rest: "request" }, { name: "a", value: "x" }] as const;
  t.is(signed(claims, { y: 1, b: 2 }), '{"z":true,"b":2,"y":1,"a":"x"}');
});

test("objects are sorted on every level, lists keep their order", (t) => {
  const request = { o: { b: [{ d: 1, c: 2 }, "x"], a: null } };
  t.is(signed([{ rest: "request" }], request), '{"o":{"a":null,"b":[{"c":2,"d":1},"x"]}}');
});

test("the same request in another order is the same text", (t) => {
  const rules = [{ rest: "request" }] as const;
  t.is(signed(rules, { a: { x: 1, y: 2 }, b: 3 }), signed(rules, { b: 3, a: { y: 2, x: 1 } }));
});

test("text that JSON must escape is escaped, in names and in values", (t) => {
  t.is(signed([{ rest: "request" }], { '"\n': "\u2028\\" }), '{"\\"\\n":"\u2028\\\\"}');
});
