import { isDeepStrictEqual } from "node:util";
import test from "ava";
import fc from "fast-check";
import { createCelCompiler, type Program } from "../../../src/profile/cel/cel.ts";
import { compileClaims } from "../../../src/profile/compile/claims.ts";
import { ClaimExpressionError, type ClaimRule, type ClaimValues } from "../../../src/profile/model/claims.ts";

const VALUES: ClaimValues = {
  issuer: "https://i",
  subject: "alice",
  audience: ["a", "b"],
  caller: "spiffe://c",
  tenant: undefined,
  client_ip: undefined,
  issued_at: 1,
  expires_at: undefined,
  token_id: "t",
};

type Request = Readonly<Record<string, unknown>>;

/** The signed text of these rules. The object beside it must say the same. */
function signed(
  claims: readonly ClaimRule[],
  request: Request = {},
  taken: readonly string[] = [],
  schema: object = {},
): string {
  const file = { claims: [...claims], request: { type: "object" as const, ...schema }, accept: {} };
  const { text, object } = compileClaims(file, program, parseInt, new Set(taken))(VALUES, request);
  if (!isDeepStrictEqual(JSON.parse(text), JSON.parse(JSON.stringify(object))))
    throw new Error("text and object differ");
  return text;
}

function program(expression: string): Program {
  const compiled = createCelCompiler(new Map())(expression, { request: {} });
  if (typeof compiled !== "function") throw new Error(compiled.join());
  return compiled;
}

test("claims are signed in the profile's order, whatever their names", (t) => {
  const claims = [
    { name: "z", from: "subject" },
    { name: "10", value: 1 },
    { name: "2", value: false },
    { name: "m", from: "audience" },
  ] as const;
  t.is(signed(claims), '{"z":"alice","10":1,"2":false,"m":["a","b"]}');
});

test("a claim whose source is absent or null is not signed, and leaves no gap", (t) => {
  const claims = [
    { name: "exp", from: "expires_at" },
    { name: "a", from: "request.a" },
    { name: "iat", from: "issued_at" },
    { name: "b", from: "request.o.b" },
    { name: "n", cel: "null" },
  ] as const;
  t.is(signed(claims, { a: null, o: {} }), '{"iat":1}');
  t.is(signed(claims, {}), '{"iat":1}');
  t.is(signed([{ name: "a", from: "request.a" }], {}), "{}");
});

test("members of the request are found at any depth of a path", (t) => {
  t.is(signed([{ name: "x", from: "request.a.b.c" }], { a: { b: { c: 0 } } }), '{"x":0}');
  t.is(signed([{ name: "x", from: "request.a.b.c" }], { a: { b: "text" } }), "{}");
});

test("members are signed in the order of the schema where a claim asks for it, and the others after them by name", (t) => {
  const grant = {
    properties: { roomJoin: {}, room: {}, can: { type: "array", items: { properties: { b: {}, a: {} } } } },
    anyOf: [{ properties: { hidden: {} } }],
    additionalProperties: { properties: { z: {}, y: {} } },
  };
  const schema = { properties: { video: grant, name: {} } };
  const video = { x: { y: 1, z: 2 }, can: [{ a: 1, b: 2, c: 3 }], a: {}, hidden: 0, room: "r", roomJoin: true };
  t.is(
    signed([{ name: "video", from: "request.video", order: "schema" }], { video }, [], schema),
    '{"video":{"roomJoin":true,"room":"r","can":[{"b":2,"a":1,"c":3}],"hidden":0,"a":{},"x":{"z":2,"y":1}}}',
  );
  t.is(
    signed(
      [{ rest: "request", order: "schema" }],
      { name: "n", b: 1, a: 2, video: { room: 1, roomJoin: 2 } },
      [],
      schema,
    ),
    '{"video":{"roomJoin":2,"room":1},"name":"n","a":2,"b":1}',
  );
  t.is(
    signed([{ name: "video", from: "request.video" }], { video: { roomJoin: true, room: "r" } }, [], schema),
    '{"video":{"room":"r","roomJoin":true}}',
    "by name where it does not ask",
  );
});

test("a time may lie before the source's, but not before 1970", (t) => {
  t.is(signed([{ name: "nbf", from: "issued_at", minus: "1" }]), '{"nbf":0}');
  t.is(signed([{ name: "nbf", from: "issued_at", minus: "9" }]), '{"nbf":0}');
});

test("an inherited property is not a member of a request", (t) => {
  t.is(signed([{ name: "x", from: "request.constructor.name" }], {}), "{}");
  t.is(signed([{ name: "x", from: "request.a.length" }], { a: "text" }), "{}");
});

test("only the top of a value may not be null", (t) => {
  t.is(signed([{ name: "x", from: "request.a" }], { a: { b: null, a: [null] } }), '{"x":{"a":[null],"b":null}}');
});

test("the request's claims are signed at the place of `rest`, sorted by name, without those that other keys use", (t) => {
  const claims = [{ name: "z", value: true }, { rest: "request" }, { name: "a", from: "request.q" }] as const;
  t.is(signed(claims, { y: 1, q: 3, b: 2, n: null }, ["q"]), '{"z":true,"b":2,"y":1,"a":3}');
});

test("objects are sorted on every level, lists keep their order", (t) => {
  const request = { o: { b: [{ d: 1, c: 2 }, "x"], a: null } };
  t.is(signed([{ rest: "request" }], request), '{"o":{"a":null,"b":[{"c":2,"d":1},"x"]}}');
});

test("an expression is signed as the JSON that it means", (t) => {
  const claims = [
    { name: "sum", cel: "request.a + request.b" },
    { name: "count", cel: "size(request.list)" },
    { name: "map", cel: "{'z': [1, 2u], 'a': request.o}" },
  ] as const;
  const request = { a: 1.5, b: 2, list: ["x", "y"], o: { d: 1, c: null } };
  t.is(signed(claims, request), '{"sum":3.5,"count":2,"map":{"a":{"c":null,"d":1},"z":[1,2]}}');
});

for (const [what, cel] of [
  ["that needs a member which is absent", "request.a + 1.0"],
  ["of another type", "request.text + 1.0"],
  ["that is bytes", "b'a'"],
  ["that is a time", "timestamp('2026-01-01T00:00:00Z')"],
  ["that is a type", "type(1)"],
  ["that is no number", "0.0 / 0.0"],
  ["beyond 2^53", "9007199254740993"],
  ["that is a map without texts as names", "{1: 2}"],
  ["that is a map with the name of a prototype", "{'__proto__': {'a': 1}}"],
  ["that holds the name of a prototype further in", "[{'a': {'constructor': 1}}]"],
  ["that nests deeper than verifiers go", "[[[[[[[[[[1]]]]]]]]]]"],
] as const) {
  test(`an expression ${what} fails with the claim's name, and not with a value`, (t) => {
    const error = t.throws(() => signed([{ name: "c", cel }], { text: "private" }), {
      instanceOf: ClaimExpressionError,
    });
    t.is(error?.claim, "c");
    t.is(error?.message, "the expression of the claim c fails for this request");
  });
}

test("text that JSON must escape is escaped, in names and in values", (t) => {
  t.is(signed([{ rest: "request" }], { '"\n': "\u2028\\" }), '{"\\"\\n":"\u2028\\\\"}');
  t.is(signed([{ name: '"', value: "\u0000" }]), '{"\\"":"\\u0000"}');
});

const name = fc.oneof(fc.string({ unit: "grapheme", minLength: 1, maxLength: 8 }), fc.nat(99).map(String));
const safe = name.filter((text) => !["__proto__", "constructor", "prototype"].includes(text));

test("any claims keep the order of the profile", (t) => {
  const order = fc.property(fc.uniqueArray(safe, { maxLength: 20 }), (names) => {
    const text = signed(names.map((name, index) => ({ name, value: index })));
    return text === `{${names.map((name, index) => `${JSON.stringify(name)}:${index}`).join(",")}}`;
  });
  t.notThrows(() => fc.assert(order));
});

test("a request in another order is the same text", (t) => {
  const request = fc.dictionary(safe, fc.jsonValue({ maxDepth: 3 }));
  const rules = [{ rest: "request" }] as const;
  const same = fc.property(request, (object) => signed(rules, object) === signed(rules, reversed(object)));
  t.notThrows(() => fc.assert(same));
});

/** The same value with the members of every object in the opposite order. */
function reversed<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(reversed) as T;
  const members = Object.entries(value).reverse();
  return Object.fromEntries(members.map(([name, inner]) => [name, reversed(inner)])) as T;
}
