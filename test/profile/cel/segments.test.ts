import test from "ava";
import fc from "fast-check";
import { segmentsMatch } from "../../../src/profile/cel/cel.ts";

for (const [pattern, id, expected] of [
  ["cars/audi", "cars/audi", true],
  ["cars/audi", "cars/Audi", false],
  ["cars/*/mycar", "cars/audi/mycar", true],
  ["cars/*/mycar", "cars/a/b/mycar", false],
  ["cars/*", "cars/a", true],
  ["cars/*", "cars/a/b", true],
  ["cars/*", "cars", false],
  ["cars/*", "cars/", false],
  ["cars/*", "cars/a//b", false],
  ["cars/*", "cars/a/", false],
  ["*", "a", true],
  ["*", "a/b/c", true],
  ["*", "", false],
  ["*/a", "/a", false],
  ["*/*", "a", false],
  ["*/*", "a/b/c", true],
  ["cars/a*", "cars/ab", false],
  ["cars/**", "cars/a", false],
  ["cars", "cars/a", false],
  ["", "", true],
  ["", "a", false],
  ["cars/.*", "cars/x", false],
] as const) {
  test(`"${pattern}" ${expected ? "takes" : "does not take"} "${id}"`, (t) => {
    t.is(segmentsMatch(pattern, id), expected);
  });
}

test("a trailing * matches exactly the ids that are at least as long and have no empty segment", (t) => {
  const segments = fc.array(fc.constantFrom("", "a", "b"), { minLength: 1, maxLength: 5 });
  const exact = fc.property(segments, fc.nat(3), (id, fixed) => {
    const rest = id.slice(fixed);
    const pattern = [...id.slice(0, fixed), "*"].join("/");
    return segmentsMatch(pattern, id.join("/")) === (rest.length > 0 && !rest.includes(""));
  });
  t.notThrows(() => fc.assert(exact, { numRuns: 500 }));
});
