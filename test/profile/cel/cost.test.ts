import test from "ava";
import { createCelCompiler } from "../../../src/profile/cel/cel.ts";
import { CostError } from "../../../src/profile/cel/cost.ts";

const compile = createCelCompiler(new Map());
const compileWithoutLimit = createCelCompiler(new Map(), Number.POSITIVE_INFINITY);

function evaluate(expression: string, claims: unknown = {}, context: unknown = {}, compiler = compile): unknown {
  const program = compiler(expression, { claims: {}, context: {} });
  if (typeof program !== "function") throw new Error(program.join("\n"));
  return program({ claims, context });
}

function numbers(length: number, from = 0): number[] {
  return Array.from({ length }, (_, index) => from + index);
}

/** Chains `map`: the value is doubled so many times. */
function doubled(start: string, step: string, times: number): string {
  return `[${start}]${`.map(x, ${step})`.repeat(times)}[0]`;
}

const NESTED = "claims.roles.exists(r, context.roles.exists(w, w == r))";
const ROLES = { roles: Array(2_700).fill(1) };
const OTHER_ROLES = { roles: Array(3_900).fill(2) };

for (const expression of [NESTED, `!${NESTED}`, `true || ${NESTED} || true`, `${NESTED} || true`, `[${NESTED}] != []`])
  test(`two nested loops over 2700 and 3900 items end with an error, and nothing around it drops that: ${expression}`, (t) => {
    const result = evaluate(expression, ROLES, OTHER_ROLES);
    if (expression.startsWith("true ||")) t.is(result, true);
    else t.true(result instanceof CostError);
  });

test("without a limit the same loops run to their end", (t) => {
  const [claims, context] = [{ roles: numbers(600) }, { roles: numbers(600, 600) }];
  t.true(evaluate(NESTED, claims, context) instanceof CostError);
  t.is(evaluate(NESTED, claims, context, compileWithoutLimit), false);
});

for (const [expression, claims] of [
  ["claims.a.all(x, x >= 0.0 && x != 5000.0 && !(x in [6000.0, 7000.0]))", { a: numbers(4_096) }],
  ["claims.a.map(x, x + 1.0).filter(x, x > 2.0).exists(x, x == 4096.0)", { a: numbers(4_096) }],
  ["claims.a.all(x, claims.b.exists(y, y == x))", { a: numbers(100), b: numbers(100) }],
  ["claims.a.all(x, x in claims.a)", { a: numbers(400) }],
  ["claims.m.all(name, claims.m[name] >= 0.0)", { m: Object.fromEntries(numbers(512).map((n) => [`n${n}`, n])) }],
  ["claims.s.matches('^[a-z]{1,64}$') || !claims.s.contains('y')", { s: "x".repeat(8_000) }],
  ["claims.a == claims.b", { a: numbers(4_096), b: numbers(4_096) }],
] as const)
  test(`a rule over the largest values of a request is evaluated: ${expression}`, (t) => {
    t.is(evaluate(expression, claims), true);
  });

const MEMBERS = Object.fromEntries(numbers(500).map((n) => [`n${n}`, n]));
const LONG = "x".repeat(8_000);

for (const [what, expression, claims] of [
  ["a step that compares nothing", "claims.a.all(x, claims.a.all(y, true))", { a: numbers(600) }],
  ["exists_one", "claims.a.exists_one(x, claims.a.exists_one(y, false))", { a: numbers(600) }],
  ["steps that fail", "claims.a.all(x, claims.a.all(y, y.z))", { a: numbers(600) }],
  ["steps without a fitting function", "claims.a.all(x, claims.a.all(y, y + 'z'))", { a: numbers(600) }],
  ["in, in a loop", "claims.a.all(x, !(1 in claims.b))", { a: numbers(600), b: numbers(600, 2) }],
  ["equal lists, in a loop", "claims.a.all(x, claims.a == claims.b)", { a: numbers(600), b: numbers(600) }],
  ["different lists, in a loop", "claims.a.all(x, !(claims.a != claims.b))", { a: numbers(600), b: numbers(600) }],
  ["equal objects, in a loop", "claims.a.all(x, claims.m == claims.m2)", { a: numbers(600), m: MEMBERS, m2: MEMBERS }],
  ["members looked up by a number", "claims.a.all(x, claims.m[1] == 1 || true)", { a: numbers(4_000), m: MEMBERS }],
  ["a number in an object", "claims.a.all(x, !(1 in claims.m))", { a: numbers(600), m: MEMBERS }],
  ["loops over names", "claims.m.all(x, claims.m.all(y, true))", { m: MEMBERS }],
  ["loops over literals", `${"[1, 2, 3, 4, 5, 6, 7, 8, 9, 10].all(x, ".repeat(6)}true${")".repeat(6)}`, {}],
  ["a text that doubles", doubled("'xxxxxxxx'", "x + x", 25), {}],
  ["bytes that double", doubled("b'xxxxxxxx'", "x + x", 25), {}],
  ["a list that doubles", `${doubled("[1, 2]", "x + x", 40)}.all(x, true)`, {}],
  ["a list that doubles, as JSON", doubled("[1, 2]", "x + x", 40), {}],
  ["lists of lists, compared", `${doubled("1", "[x, x]", 20)} == ${doubled("1", "[x, x]", 20)}`, {}],
  [
    "lists of lists, as JSON",
    `[[[[${Array(40).fill("claims.a").join()}]]]].map(x, [x, x, x, x])`,
    { a: numbers(4_000) },
  ],
  ["texts, as JSON", `[${Array(2_000).fill("claims.s").join()}]`, { s: LONG }],
  ["names of members, as JSON", "claims.a.map(x, claims.a.map(y, claims.m))", { a: numbers(60), m: { [LONG]: 1 } }],
  ["names, as a text", "json(claims.a.map(x, claims.m)) == ''", { a: numbers(600), m: { [LONG]: 1 } }],
  ["a text that json doubles", `${"json(".repeat(40)}claims.s${")".repeat(40)} == ''`, { s: '"'.repeat(4_000) }],
  ["the size of a text", "claims.a.all(x, size(claims.s) > 1)", { a: numbers(600), s: LONG }],
  ["contains", "claims.a.all(x, !claims.s.contains('y'))", { a: numbers(600), s: LONG }],
  ["texts compared", "claims.a.all(x, claims.s <= claims.s)", { a: numbers(600), s: LONG }],
  ["segments", "claims.a.all(x, segments_match(claims.s, claims.s))", { a: numbers(600), s: "x/".repeat(4_000) }],
  ["a number in a long text", "claims.a.exists(x, int(claims.s) == 1)", { a: numbers(600), s: "1".repeat(8_000) }],
  [
    "time zones",
    "claims.a.all(x, timestamp(claims.t).getHours('Europe/Berlin') == 1)",
    { a: numbers(600), t: "2020-01-01T00:00:00Z" },
  ],
  [
    "timestamps",
    "claims.a.all(x, timestamp(claims.t) >= timestamp(claims.t))",
    { a: numbers(4_000), t: "2020-01-01T00:00:00Z" },
  ],
  ["durations", "claims.a.all(x, duration('1h') < duration('1s') || true)", { a: numbers(4_000) }],
  ["a pattern and a long text", "claims.s.matches('(x|y)*x(x|y){100}z')", { s: LONG }],
  ["a pattern, in a loop", "claims.a.all(x, claims.s.matches('^x*$'))", { a: numbers(600), s: LONG }],
  ["given patterns, in a loop", "claims.a.all(x, !'x'.matches(claims.p))", { a: numbers(600), p: "(?i)stra(ss|ß)e" }],
] as const)
  test(`an evaluation ends before it costs too much: ${what}`, (t) => {
    t.true(evaluate(expression, claims) instanceof CostError);
  });

test("what a loop costs depends on how long its list is, not on where a match stands", (t) => {
  t.true(evaluate("claims.a.exists(x, x == 0)", { a: numbers(40_000) }) instanceof CostError);
  t.true(evaluate("claims.a.exists(x, x == 39999)", { a: numbers(40_000) }) instanceof CostError);
});

test("each evaluation has a whole budget", (t) => {
  const program = compile("claims.a.all(x, claims.a.all(y, true))", { claims: {} });
  if (typeof program !== "function") return t.fail();
  for (let round = 0; round < 3; round += 1) t.is(program({ claims: { a: numbers(100) } }), true);
  t.true(program({ claims: { a: numbers(600) } }) instanceof CostError);
  return t.is(program({ claims: { a: numbers(100) } }), true);
});

for (const pattern of ["a{1,9}", "\\pL", "x".repeat(257)])
  test(`a pattern that a token holds must be small: ${pattern.slice(0, 10)}`, (t) => {
    const result = evaluate("'a'.matches(claims.p)", { p: pattern });
    t.true(result instanceof Error && !(result instanceof CostError));
    t.regex(String(result), /pattern that is not a literal/);
  });

test("a text that is too long for a pattern is an error: false would allow what `!` excludes", (t) => {
  t.true(evaluate("!claims.s.matches('^a*$')", { s: "b".repeat(8_193) }) instanceof Error);
  t.is(evaluate("!claims.s.matches('^a*$')", { s: "b".repeat(8_192) }), true);
});

for (const [expression, fault] of [
  ["'a'.matches('(')", /calls matches, but the pattern "\(" is not a valid RE2 expression/],
  ["matches('a', '[ab]{600}[cd]{600}')", /calls matches, but the pattern .* repeats too much/],
  ["google.protobuf.Struct{} == claims", /makes a protobuf message, google\.protobuf\.Struct/],
] as const)
  test(`an expression whose cost has no bound is refused when it is compiled: ${expression}`, (t) => {
    const faults = compile(expression, { claims: {}, context: {} });
    t.regex(Array.isArray(faults) ? faults.join("\n") : "", fault);
  });
