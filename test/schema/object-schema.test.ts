import test from "ava";
import type { Static } from "typebox";
import { objectSchema } from "../../src/schema/object-schema.ts";
import { compileSchema } from "../../src/schema/schema.ts";

const SEAT = objectSchema(
  { row: { type: "integer", default: 1 }, kind: { enum: ["stall", "box"] }, note: { type: "string" } },
  ["kind"],
);

test("a property with a default is required, and filling in the default satisfies that", (t) => {
  const value: unknown = { kind: "box" };
  t.deepEqual(compileSchema(SEAT, { defaults: true })(value), []);
  // The type has `row` without `?`, as the value does.
  const seat: Static<typeof SEAT> = { kind: "box", row: 1 };
  t.deepEqual(value, seat);
});

test("other properties are required only by name, and no others are allowed", (t) => {
  const violations = compileSchema(SEAT, { defaults: true })({ colour: "red" });
  t.deepEqual(
    violations.map(({ path, message }) => `${path.join(".")} ${message}`),
    ["kind is required", "colour is not a known key (known: row, kind, note)"],
  );
});
