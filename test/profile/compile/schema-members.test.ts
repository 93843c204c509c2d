import test from "ava";
import { compileProfile } from "../../../src/profile/compile/compile.ts";
import { formatFault } from "../../../src/schema/fault.ts";
import { tinyProfile } from "../../support/profiles/tiny-profile.ts";

const OPEN = "request: { type: object, properties: { a: {} } }";
const REST = "  - { name: exp, from: expires_at }\n  - { rest: request }";

for (const [what, changes, expression] of [
  ["a claim that is signed", {}, "has(claims.exp)"],
  ["a registered claim of foreign tokens", {}, "!has(claims.nbf)"],
  ["a claim that is accepted", { 8: "accept: { properties: { a: {} } }" }, "has(claims.a.b)"],
  ["a claim that is accepted in an alternative", { 8: "accept: { anyOf: [{ required: [a] }, {}] }" }, "has(claims.a)"],
  ["a claim that a pattern accepts", { 8: "accept: { patternProperties: { ^x-: {} } }" }, "'x-a' in claims"],
  ["a claim that any request may bring", { 4: OPEN, 7: REST }, "has(claims.anything)"],
  ["a claim that some request may bring", { 7: REST }, "has(claims.a)"],
  ["a variable that hides the claims", {}, "[{'x': 1}].all(claims, has(claims.x))"],
] as const)
  test(`a rule may name ${what}`, (t) => {
    const rule = JSON.stringify({ require: expression, reason: "NOT_PERMITTED", message: "m" });
    const profile = compileProfile(tinyProfile({ ...changes, 9: `rules: [${rule}]` }), "tiny.yaml", "https://i");
    t.deepEqual(Array.isArray(profile) ? profile.map(formatFault) : [], []);
  });

test("where the rest of a closed request is signed, no other claim is known", (t) => {
  const rule = "rules: [{ require: has(claims.b), reason: NOT_PERMITTED, message: m }]";
  const found = compileProfile(tinyProfile({ 7: REST, 9: rule }), "tiny.yaml", "https://i");
  t.deepEqual(Array.isArray(found) && found.map(({ message }) => message), [
    "names the unknown member claims.b (known: a, aud, exp, iat, iss, jti, nbf, o, sub)",
  ]);
});
