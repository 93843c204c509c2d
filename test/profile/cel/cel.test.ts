import test from "ava";
import { createCelCompiler, createNormaliser } from "../../../src/profile/cel/cel.ts";

const compile = createCelCompiler(new Map([["name", createNormaliser(["trim"])]]));

/** What an expression over `claims` and `context` evaluates to. */
function evaluate(expression: string, claims: unknown = {}, context: unknown = {}): unknown {
  const program = compile(expression, { claims: {}, context: {} });
  if (typeof program !== "function") throw new Error(program.join("\n"));
  return program({ claims, context });
}

for (const [expression, claims] of [
  ["claims.a == 1", { a: 1 }],
  ["claims.a >= 1 && claims.a < 2", { a: 1.5 }],
  ["claims.a in ['x', 'y']", { a: "y" }],
  ["claims.a == null", { a: null }],
  ["claims.a[0].b == [1, 2]", { a: [{ b: [1, 2] }] }],
  ["claims.a.exists(name, claims.a[name] == 'r')", { a: { x: "q", y: "r" } }],
  ["!has(claims.a)", {}],
  ["!has(claims.constructor) && !has(claims.toString) && !('__proto__' in claims)", {}],
  ["has(claims.constructor) && claims.constructor.name == 'x'", { constructor: { name: "x" } }],
  ["claims.a == 1 && !has(claims.b)", { $typeName: "google.protobuf.Struct", a: 1 }],
  ["segments_match('a/*', claims.a)", { a: "a/b/c" }],
  ["normalised('name', claims.a) == 'x'", { a: " x " }],
  ["claims.a.matches('^x+$')", { a: "xxx" }],
  ["int(claims.a) == 9007199254740993 && int(claims.a) != 9007199254740992", { a: "9007199254740993" }],
  ["claims.a == 9007199254740991.0 && claims.a != 9007199254740993", { a: 9007199254740991 }],
  ["claims.map(name, name).size() == 2", { a: 1, b: 2 }],
] as const) {
  test(`${expression} is true`, (t) => {
    t.is(evaluate(expression, claims), true);
  });
}

test("objects without a prototype are objects", (t) => {
  const claims = Object.assign(Object.create(null), { a: Object.create(null) });
  t.is(evaluate("has(claims.a) && !has(claims.a.b)", claims), true);
});

for (const [what, expression, claims] of [
  ["a member that is absent", "claims.a == 1", {}],
  ["a member that objects inherit", "claims.toString == 1", {}],
  ["an operator of another type", "claims.a + 1", { a: "x" }],
  ["a function of another type", "segments_match(claims.a, 'b')", { a: 1 }],
  ["a division by zero", "1 / 0 == 1", {}],
  ["a value that JSON does not have", "claims.a == 1", { a: undefined }],
  ["an index beyond the list", "claims.a[3] == 1", { a: [] }],
] as const) {
  test(`${what} is an error instead of a value`, (t) => {
    t.true(evaluate(expression, claims) instanceof Error);
  });
}

test("a pattern that takes other engines exponential time takes linear time", (t) => {
  // The engine of JavaScript needs 2^40 steps for it.
  t.is(evaluate("claims.a.matches('^(a+)+$')", { a: `${"a".repeat(40)}!` }), false);
});

for (const [expression, fault] of [
  ["claims.", /^is not a CEL expression: at 1:/],
  ["", /^is not a CEL expression/],
  [`${"(".repeat(65)}true${")".repeat(65)}`, /^must not nest brackets deeper than 64 levels$/],
  ["[{".repeat(1000), /^must not nest brackets deeper than 64 levels$/],
  ["other.a", /unknown variable other \(known: claims, context\)/],
  ["claims.all(x, y)", /unknown variable y/],
  ["[1].exists(x, x == 1) && x", /unknown variable x/],
  ["{'a': foo()}", /unknown function foo/],
  ["[bar]", /unknown variable bar/],
  ["claims.a == 9007199254740993.0", /holds a double, which must be within ±\(2\^53-1\)/],
  ["claims.a in [1.0, -1e16]", /holds a double/],
  ["claims.all(x, claims[x] < 1e400)", /holds a double|not a CEL expression/],
  ["claims.a.baz()", /unknown function baz/],
  ["claims.a ? b : 1", /unknown variable b/],
  ["normalised('other', 'x')", /not a key of `normalise` \(known: name\)/],
] as const) {
  test(`an expression that can't work is refused when it is compiled: ${expression.slice(0, 30)}`, (t) => {
    const faults = compile(expression, { claims: {}, context: {} });
    t.true(Array.isArray(faults));
    t.regex(Array.isArray(faults) ? faults.join("\n") : "", fault);
  });
}

test("an expression with the deepest allowed nesting, and a long one without brackets, are evaluated", (t) => {
  t.is(evaluate(`${"(".repeat(64)}true${")".repeat(64)}`), true);
  t.is(evaluate(`${"!".repeat(2044)}true`), true);
  t.is(evaluate(`true${" ? true : true".repeat(145)}`), true);
});

test("types and the variables of macros are known names", (t) => {
  t.is(evaluate("type(claims.a) == string && [1, 2].all(x, x > 0 && [x].exists(y, y == x))", { a: "" }), true);
});
