import test from "ava";
import type { Fault, FaultAt, Path } from "../../src/schema/fault.ts";
import { parseYaml } from "../../src/schema/yaml.ts";

function parsed(text: string) {
  const document = parseYaml(text, "f.yaml");
  if (Array.isArray(document)) throw new Error(JSON.stringify(document));
  return document;
}

function lineAt(faultAt: FaultAt, path: Path): number | undefined {
  return faultAt(path, "").line;
}

function faults(text: string): Fault[] {
  const document = parseYaml(text, "f.yaml");
  if (!Array.isArray(document)) throw new Error("no fault");
  return document;
}

test("a path leads back to the line of its value, and to its nearest parent's where there is none", (t) => {
  const { data, faultAt } = parsed("a:\n  b: 1\n  c:\n    - x\n    - y: 2\n");
  t.deepEqual(data, { a: { b: 1, c: ["x", { y: 2 }] } });
  t.is(lineAt(faultAt, ["a", "b"]), 2);
  t.is(lineAt(faultAt, ["a", "c", 1, "y"]), 5);
  t.is(lineAt(faultAt, ["a", "c", "1", "y"]), 5, "an index as text");
  t.is(lineAt(faultAt, ["a", "b", "deeper"]), 2);
  t.is(lineAt(faultAt, ["a", "missing"]), 2);
  t.is(lineAt(faultAt, []), 1);
});

test("an empty text has no data and no lines", (t) => {
  const { data, faultAt } = parsed("# nothing\n");
  t.is(data, null);
  t.is(lineAt(faultAt, ["a"]), undefined);
});

for (const [what, text, line, message] of [
  ["a key that stands twice", "a: 1\nb: 2\na: 3\n", 3, /unique/],
  ["a key that stands twice further in", "a:\n  b: 1\n  b: 2\n", 3, /unique/],
  ["what is no YAML", "a: 1\nb: [\n", 3, /./],
  ["a second document", "a: 1\n---\nb: 2\n", 2, /document/],
  ["a tab as indentation", "a:\n\tb: 1\n", 2, /[Tt]ab/],
  ["a number that loses digits", "a:\n  - 1\n  - 9007199254740993\n", 3, /within ±\(2\^53-1\)/],
  ["a number that no double can hold", "a: 1\nb: 1e400\n", 2, /within/],
  ["an infinite number", "a: 1\nb: [-.inf]\n", 2, /within/],
  ["what is not a number", "a: 1\nb: .nan\n", 2, /within/],
  ["a key that is a number and loses digits", "a: 1\nb: { 9007199254740993: x }\n", 2, /^a key must be within/],
  ["a tag of its own", "a: 1\nb: !secret x\n", 2, /tag/],
] as const) {
  test(`${what} is a fault with its line`, (t) => {
    const [first] = faults(text);
    t.like(first, { file: "f.yaml", line });
    t.regex(first?.message ?? "", message);
  });
}

test("an alias is refused, since a few lines of them can expand to gigabytes", (t) => {
  const bomb = ["a: &a [x, x]", "b: &b [*a, *a]", "c: [*b, *b]"].join("\n");
  for (const text of [bomb, "a: &x 1\nb: *x\n"])
    t.like(faults(text)[0], { file: "f.yaml", message: "aliases (*name) are not allowed" });
});

test("a merge key is a plain name, and __proto__ makes no prototype", (t) => {
  const { data } = parsed("__proto__: { polluted: true }\n'<<': { a: 1 }\n");
  t.deepEqual(Object.keys(data as object), ["__proto__", "<<"]);
  t.is((data as { polluted?: unknown }).polluted, undefined);
});

for (const [what, text] of [
  ["a little", `a: ${"[".repeat(64)}${"]".repeat(64)}`],
  ["more than plain data can be made of", `a: ${"[".repeat(3_000)}${"]".repeat(3_000)}`],
  ["more than can be parsed", "[".repeat(20_000)],
] as const)
  test(`what nests too deep by ${what} is a fault`, (t) => {
    t.deepEqual(faults(text), [{ file: "f.yaml", path: "", message: "must not nest deeper than 64 levels" }]);
  });

test("at most 100 faults of one file are reported", (t) => {
  t.is(faults(Array.from({ length: 150 }, () => "a: 1").join("\n")).length, 100);
});
