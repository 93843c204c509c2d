import test from "ava";
import { compileSchema } from "../../src/schema/schema.ts";

/** What is wrong with a value, each as path and message. */
function faults(schema: object, value: unknown): string[] {
  const violations = compileSchema(schema, { defaults: false })(value);
  return violations.map(({ path, message }) => `${path.join(".")}: ${message}`);
}

const MANY = Array.from({ length: 33 }, (_, index) => `key-${index}`);
const PER_OR_ALL = { oneOf: [{ required: ["per"] }, { required: ["all"] }] };
const SHAPES = {
  type: "object",
  properties: {
    shape: {
      oneOf: [
        { type: "object", required: ["radius"], properties: { radius: { type: "number", minimum: 0 } } },
        { type: "string", minLength: 2 },
      ],
    },
  },
};

for (const [what, schema, value, ...expected] of [
  ["a text within its bytes", { type: "string", maxBytes: 2 }, "é"],
  ["a text beyond its bytes", { type: "string", maxBytes: 2 }, "éa", ": must NOT have more than 2 bytes of UTF-8"],
  ["an object within its bytes", { maxBytes: 10 }, { a: "é" }],
  ["an object beyond its bytes", { maxBytes: 10 }, { a: "éa" }, ": must NOT have more than 10 bytes as compact JSON"],
  ["a list beyond its bytes", { maxBytes: 4 }, [1, 22], ": must NOT have more than 4 bytes as compact JSON"],
  ["a number, which has no bytes", { maxBytes: 1 }, 12345],
  ["letters, each once", { distinctLetters: "CRUD" }, "UR"],
  ["no letter at all", { distinctLetters: "CRUD" }, ""],
  ["a letter that is there twice", { distinctLetters: "CRUD" }, "UU", ": must be letters of CRUD, each at most once"],
  ["another letter", { distinctLetters: "CRUD" }, "UX", ": must be letters of CRUD, each at most once"],
  ["one of several types", { type: ["string", "null"] }, 1, ": must be string or null"],
  [
    "a member beside another",
    { dependentRequired: { a: ["b", "c"] } },
    { a: 1, c: 1 },
    "b: is required together with a",
  ],
  ["words instead of a pattern", { type: "string", pattern: "^a$", allowed: "an a" }, "b", ": must be an a"],
  [
    "words instead of a rule, reported once",
    { type: "string", minLength: 2, pattern: "^a*$", allowed: "many a" },
    "b",
    ": must be many a",
  ],
  [
    "an unknown member of an object with words",
    { type: "object", additionalProperties: false, allowed: "nothing" },
    { a: 1 },
    "a: is not a known key (known: none)",
  ],
  [
    "an unknown member beside known ones",
    { additionalProperties: false, properties: { room: {}, seat: {} } },
    { rom: 1 },
    "rom: is not a known key (known: room, seat)",
  ],
  [
    "an unknown member of an object with more names than a line holds",
    { additionalProperties: false, properties: Object.fromEntries(MANY.map((name) => [name, {}])) },
    { a: 1 },
    `a: is not a known key (known: ${MANY.slice(0, 32).join(", ")}, …)`,
  ],
  ["a member that is forbidden", { properties: { a: false } }, { a: 1 }, "a: is not allowed here"],
  ["an excluded value", { not: { const: 1 } }, 1, ": is excluded by the schema"],
  ["neither of two members", PER_OR_ALL, {}, ": per is required, or all is required"],
  [
    "both of two members",
    PER_OR_ALL,
    { per: 1, all: 1 },
    ": must match exactly one of the alternatives and matches more",
  ],
  ["words instead of alternatives", { ...PER_OR_ALL, allowed: "one" }, {}, ": must be one"],
  ["the alternative that is meant", SHAPES, { shape: { radius: -1 } }, "shape.radius: must be >= 0"],
  ["no alternative at all", SHAPES, { shape: 1 }, "shape: must be object, or must be string"],
  // biome-ignore lint/suspicious/noThenProperty: JSON Schema has it so
  ["the branch of a condition", { if: { required: ["a"] }, then: { required: ["b"] } }, { a: 1 }, "b: is required"],
  [
    "several items, each on its own",
    { items: { anyOf: [{ const: 1 }, { const: 2 }] } },
    [1, 3, 4],
    "1: must be 1, or must be 2",
    "2: must be 1, or must be 2",
  ],
] as const) {
  test(`a violation says what to change: ${what}`, (t) => {
    t.deepEqual(faults(schema, value), expected);
  });
}

test("a violation never repeats the value", (t) => {
  const schema = { properties: { a: { enum: ["x"] }, b: { type: "integer" }, c: { type: "string", pattern: "^y$" } } };
  const found = faults(schema, { a: "secret", b: "secret", c: "secret" });
  t.is(found.length, 3);
  t.notRegex(found.join(), /secret/);
});

test("a pattern looks at no text beyond the size limits beside it", (t) => {
  const small = { type: "string", pattern: "^x+$", maxLength: 8 };
  t.deepEqual(faults(small, "aaaaaaaaaaaaaaaaa"), [": must NOT have more than 8 characters"]);
  t.deepEqual(faults({ ...small, maxLength: 100, maxBytes: 8 }, "aaaaaaaaa"), [
    ": must NOT have more than 8 bytes of UTF-8",
  ]);
  t.deepEqual(faults(small, "aaa!"), [': must match pattern "^x+$"']);
});

test("patternProperties are matched in linear time too", (t) => {
  const schema = { type: "object", patternProperties: { "^(a+)+$": { type: "number" } }, additionalProperties: false };
  t.deepEqual(faults(schema, { aa: 1, [`${"a".repeat(60)}!`]: 1 }), [`${"a".repeat(60)}!: is not a known key`]);
  t.deepEqual(faults(schema, { aa: "" }), ["aa: must be number"]);
});

test("two schemas of patterns do not take each other's", (t) => {
  const schema = { patternProperties: { "^a": { const: 1 }, "^b": { const: 2 } } };
  t.deepEqual(faults(schema, { a: 1, b: 1 }), ["b: must be 2"]);
});

test("a text at its size limit is matched, also in characters of two units", (t) => {
  t.deepEqual(faults({ type: "string", pattern: "^.$", maxLength: 2 }, "\u{1F600}"), []);
  t.deepEqual(faults({ type: "string", pattern: "^x+$", maxLength: 2 }, "\u{1F600}\u{1F600}"), [
    ': must match pattern "^x+$"',
  ]);
});

test("at most 100 violations are reported", (t) => {
  const many = Object.fromEntries(Array.from({ length: 150 }, (_, index) => [`k${index}`, 1]));
  t.is(faults({ type: "object", additionalProperties: false }, many).length, 100);
});

for (const [what, schema] of [
  ["pattern", { type: "string", pattern: "^(a|b)*a(a|b){320}$" }],
  ["patternProperties", { patternProperties: { "^(a|b)*a(a|b){320}$": {} } }],
] as const)
  test(`a pattern that follows each repetition for each character of a long text is refused: ${what}`, (t) => {
    // It took a second for 8000 letters.
    t.throws(() => compileSchema(schema, { defaults: false }), { message: /repeats too much for a long text/ });
  });

test("a pattern that repeats much is allowed for a short text", (t) => {
  const schema = { type: "string", pattern: "^(a|b)*a(a|b){320}$", maxLength: 256 };
  t.deepEqual(faults(schema, "ab".repeat(100)), [`: must match pattern "${schema.pattern}"`]);
});

test("of thousands of items that fit no alternative, the first are reported", (t) => {
  const either = { anyOf: [{ type: "string" }, { type: "boolean" }] };
  const items = { allOf: Array(8).fill(either) };
  // Comparing each error with each took 12 s.
  const found = faults({ type: "array", items }, Array(2_700).fill(1));
  t.is(found[0], "0: must be string, or must be boolean");
  t.true(found.length <= 100);
});

test("a name that breaks hundreds of rules is refused", (t) => {
  const propertyNames = { allOf: Array(600).fill({ enum: ["allowed"] }) };
  t.deepEqual(faults({ type: "object", propertyNames }, { other: 1 }), ["other: is not an allowed name"]);
});
