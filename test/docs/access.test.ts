import test from "ava";
import { type Dimension, hasDimension, METHODS } from "../../src/access/question.ts";
import { policyFaults, policyOf } from "../support/access/policies.ts";
import { codeOf, readPage, tableRows } from "./pages.ts";
import { blocksOf, isShown, walkThrough } from "./walk-through.ts";

const PAGE = readPage("docs/access.md");
const DIMENSIONS: readonly Dimension[] = ["profile", "tenant", "audience", "subject", "ttl"];
const [, POLICY = ""] = /^```yaml\n(.*?)^```$/ms.exec(PAGE) ?? [];

test("docs/access.md has each method with the dimensions that its requests may have", (t) => {
  const documented = tableRows(PAGE, "## Rules").filter(([method]) => METHODS.some((name) => codeOf(method) === name));
  t.deepEqual(
    documented.map(([method, ...cells]) => [codeOf(method), ...cells]),
    METHODS.map((method) => [method, ...DIMENSIONS.map((dimension) => (hasDimension(method, dimension) ? "yes" : ""))]),
  );
});

test("docs/access.md has each key of a rule", (t) => {
  const [fault = ""] = policyFaults("groups: { a: { callers: [unix], rules: [{ methods: [ListKeys], x: 1 }] } }\n");
  const [, known = ""] = /\(known: (.*)\)/.exec(fault) ?? [];
  const keys = tableRows(PAGE, "## Rules").map(([key]) => codeOf(key) ?? "");
  t.deepEqual(known.split(", "), keys.slice(0, known.split(", ").length));
});

test("the policy of docs/access.md has no fault, and its tests pass", (t) => {
  t.is(policyOf(POLICY).tests, 3);
});

test("the policy of the example gateway and backend has no fault, and its tests pass", (t) => {
  t.is(policyOf(readPage("examples/gateway/policy.yaml")).tests, 4);
});

test("the commands of docs/access.md print what the page shows", async (t) => {
  t.timeout(300_000, "it starts three processes, one after the other");
  const write = { lines: `cat > policy.yaml <<'END'\n${POLICY}END\n`, shown: undefined };
  const [, ...outcomes] = await walkThrough(t, [write, ...blocksOf(PAGE)]);
  t.is(outcomes.length, 2);
  for (const { output, shown = "", code } of outcomes) {
    t.is(code, 0);
    t.true(isShown(output, shown), output);
  }
});
