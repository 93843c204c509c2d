import test from "ava";
import { createCelCompiler, type Wanted } from "../../../src/profile/cel/cel.ts";
import { failureOf } from "../../../src/profile/cel/failure.ts";
import { MEMBER_ABSENT } from "../../../src/profile/model/rules.ts";

const compile = createCelCompiler(new Map());

const CLAIMS = {
  properties: {
    room: { type: "string" },
    age: { type: "integer" },
    score: { type: ["number", "null"] },
    admin: { type: "boolean" },
    roles: { type: "array", items: { type: "string" } },
    grants: { type: "object", additionalProperties: { type: "array", items: { type: "integer" } } },
    kind: { enum: ["a", "b"] },
    any: {},
  },
};
const BOOLEAN: Wanted = { schema: { type: "boolean" }, nullable: false };

function faultsOf(expression: string, wanted = BOOLEAN): readonly string[] {
  const compiled = compile(expression, { claims: CLAIMS }, wanted);
  return typeof compiled === "function" ? [] : compiled;
}

for (const [expression, fault] of [
  ["claims.room", /^gives a string, where a bool is required$/],
  ["claims.roles", /^gives a list, where/],
  ["claims.admin ? 'a' : 'b'", /^gives a string, where/],
  ["claims.age + 1 > 18.0", /applies \+ to \(double, int\).*write 1\.0 instead of 1/],
  ["claims.age - 1u > 18.0", /applies - to \(double, uint\)/],
  ["claims.room > 5", /applies > to \(string, int\)/],
  ["claims.room && true", /applies && to a string instead of a bool/],
  ["!claims.room", /applies ! to \(string\)/],
  ["claims.age ? true : false", /applies \? to a double instead of a bool/],
  ["size(claims.age) == 1", /applies size to \(double\)/],
  ["claims.age.startsWith('a')", /applies startsWith to \(double, string\)/],
  ["claims.kind + 1 == 2", /applies \+ to \(string, int\)/],
  ["claims.room.length == 1", /takes the member length of a string/],
  ["has(claims.room.length)", /takes the member length of a string/],
  ["claims.room.exists(r, r == 'x')", /loops over a string/],
  ["claims.roles.exists(r, r + 1 == 2)", /applies \+ to \(string, int\)/],
  ["claims.roles.map(r, r)", /gives a list, where/],
  ["claims.roles.all(r, r)", /applies && to a string/],
  ["claims.roles[0] > 1", /applies > to \(string, int\)/],
  ["claims.grants['x'][0].startsWith('1')", /applies startsWith to \(double, string\)/],
  ["claims.score + 1 > 2.0", /applies \+ to \(double or null_type, int\)/],
  ["segments_match(claims.roles, 'a')", /applies segments_match to \(list, string\)/],
  ["claims.room + (claims.age + 1) == ''", /applies \+ to \(double, int\)/],
] as const) {
  test(`an expression that fails for whatever the schema lets through is refused: ${expression}`, (t) => {
    t.regex(faultsOf(expression).join("\n"), fault);
  });
}

for (const expression of [
  "claims.admin",
  "claims.any",
  "claims.any + 1 == 2",
  "claims.any.b.exists(x, x > 1)",
  "claims.age > 1 && claims.age <= 2u && claims.age + 1.0 == 3.0",
  "claims.score == null || claims.score > 1",
  "has(claims.room) && claims.room.size() > 3 && claims.room != claims.age",
  "claims.roles.exists(r, r.startsWith('x')) && 'x' in claims.roles",
  "claims.roles.exists_one(r, r == 'x') || claims.roles.filter(r, r != '').size() == 1",
  "claims.grants.exists(g, claims.grants[g].all(n, n > 0))",
  "claims.grants.all(g, 1 in claims.grants[g])",
  "claims.roles.map(r, r + '!').size() > 0",
  "(claims.admin ? claims.any : claims.roles) == []",
  "json(claims.grants) == '{}'",
  "timestamp('2026-01-01T00:00:00Z') < timestamp(int(claims.age))",
  "type(claims.age) == double",
  "[1, 2].exists(x, x == 1) && {'a': 1}['a'] == 1",
  "double(claims.room) > 1.0 && int(claims.room) + 1 > 2",
]) {
  test(`an expression that may hold is compiled: ${expression}`, (t) => {
    t.deepEqual(faultsOf(expression), []);
  });
}

test("the value of a claim must be one that its schema may take, or null, which is not signed", (t) => {
  const wanted = (schema: object) => ({ schema, nullable: true });
  t.regex(faultsOf("1", wanted({ type: "string" })).join(), /gives a int, where a string is required/);
  t.regex(faultsOf("b'x'", wanted({})).join(), /gives a bytes/);
  t.deepEqual(faultsOf("1", wanted({ type: "integer" })), []);
  t.deepEqual(faultsOf("claims.admin ? 'x' : null", wanted({ type: "string" })), []);
  t.deepEqual(faultsOf("claims.any", wanted({ type: "string" })), []);
});

test("a value that JSON can't hold is a fault, as a claim and in json(), however deep its literal is", (t) => {
  const claim = { schema: {}, nullable: true };
  for (const [expression, fault] of [
    ["{1: 2}", "gives a map with a member named by a int, which JSON does not have"],
    ["{'a': [{true: 1}]}", "gives a map with a member named by a bool, which JSON does not have"],
    ["[timestamp(0)]", "gives a list with a google.protobuf.Timestamp, which JSON does not have"],
    ["json(b'x')", "applies json to a bytes, which JSON does not have"],
    ["json({'a': b'x'}) + '!'", "applies json to a bytes, which JSON does not have"],
  ] as const)
    t.deepEqual(faultsOf(expression, claim), [fault], expression);
  for (const expression of ["{'a': [1, 2u, 2.5, null, true, {}]}", "{claims.any: claims.any}", "json([claims.any])"])
    t.deepEqual(faultsOf(expression, claim), [], expression);
  t.deepEqual(faultsOf("{1: b'x'}[1] == b'x'"), [], "nothing of it becomes JSON");
});

for (const [expression, claims, cause] of [
  ["claims.any + 1 == 2", { any: "secret" }, "found no matching overload for '_+_' applied to '(string, int)'"],
  ["claims.any && true", { any: "secret" }, "type mismatch: expected bool, got string"],
  ["claims.any.exists(x, x == 1)", { any: "secret" }, "type mismatch: iterable vs string"],
  ["1 / int(claims.any) == 1", { any: 0 }, "int divide by zero"],
  ["claims.any == 1", {}, MEMBER_ABSENT],
  ["claims.grants[claims.any] == []", { grants: {}, any: "secret" }, MEMBER_ABSENT],
  ["claims.roles[7] == ''", { roles: [] }, MEMBER_ABSENT],
  ["int(claims.any) == 1", { any: "secret" }, "a value can't be converted"],
  ["timestamp(claims.any) == timestamp(0)", { any: "secret" }, "a value can't be converted"],
] as const) {
  test(`what the schema does not show has its cause, without a value: ${expression}`, (t) => {
    const program = compile(expression, { claims: CLAIMS });
    if (typeof program !== "function") return t.fail(program.join());
    const result = program({ claims });
    if (!(result instanceof Error)) return t.fail("it has a value");
    t.deepEqual(failureOf(result), { reason: "failed", cause });
  });
}

test("json is the compact text of a value, sorted by name", (t) => {
  const text = (expression: string, claims: object) => {
    const program = compile(expression, { claims: {} });
    return typeof program === "function" ? program({ claims }) : program.join();
  };
  t.is(text("json(claims)", { b: ["*"], a: { d: null, c: 'é"' } }), '{"a":{"c":"é\\"","d":null},"b":["*"]}');
  t.is(text("json({'*': ['*']})", {}), '{"*":["*"]}');
  t.is(text("json(claims.n + 1.0)", { n: 1 }), "2");
  t.true((text("json(b'x')", {}) as unknown) instanceof Error);
});
