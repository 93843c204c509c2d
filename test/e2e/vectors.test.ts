import test from "ava";
import { type Outcome, readVectors, runVectors, type Vectors } from "../support/tokens/vectors.ts";

const OWN = readVectors(new URL("../vectors/jws.json", import.meta.url));
/** Another file in this format: make test T=test/e2e/vectors.test.ts VECTORS=/path/to/json_web_signature_test.json */
const { VECTORS } = process.env;

/** Each vector of which the service says something else than the file. */
function disagreements(outcomes: readonly Outcome[]): string[] {
  return outcomes
    .filter(({ vector: { result }, accepted }) => result !== "acceptable" && accepted !== (result === "valid"))
    .map(
      ({ group, vector: { tcId, comment, result }, reason }) => `${group} ${tcId}, ${comment}: ${result}, ${reason}`,
    );
}

test("the service accepts the signatures of the vectors that are valid, and of no other", async (t) => {
  const { outcomes, skipped } = await runVectors(t, OWN);
  t.deepEqual(disagreements(outcomes), []);
  t.deepEqual(skipped, []);
  t.is(outcomes.length, OWN.testGroups.flatMap(({ tests }) => tests).length);
});

test("negative control: each vector with the wrong result is found", async (t) => {
  const [group] = OWN.testGroups;
  if (group === undefined) return t.fail("there are no vectors");
  const turned = group.tests.map((vector) => ({ ...vector, result: vector.result === "valid" ? "invalid" : "valid" }));
  const { outcomes } = await runVectors(t, { testGroups: [{ ...group, tests: turned }] } as Vectors);
  t.is(disagreements(outcomes).length, group.tests.length);
});

if (VECTORS !== undefined)
  test(`the service agrees with the vectors of ${VECTORS}`, async (t) => {
    const { outcomes, skipped } = await runVectors(t, readVectors(VECTORS));
    t.log(`${outcomes.length} vectors; not asked: ${skipped.join("; ") || "none"}`);
    t.true(outcomes.length > 0);
    t.deepEqual(disagreements(outcomes), []);
  });
