import { isDeepStrictEqual } from "node:util";
import { celEnv, isCelError, parse, plan } from "@bufbuild/cel";
import test from "ava";
import { createCelCompiler } from "../../../src/profile/cel/cel.ts";
import { CostError, createCostMeter } from "../../../src/profile/cel/cost.ts";
import { celInput, jsonOf } from "../../../src/profile/cel/values.ts";
import { boundByRounds, rounds } from "../../support/rounds.ts";
import { seededRandom } from "../../support/seeded-random.ts";

type Draw = (from: number, to: number) => number;

const compile = createCelCompiler(new Map());
const library = celEnv();
const unlimited = createCostMeter(Number.POSITIVE_INFINITY);

/** What the library alone makes of an expression; undefined for an error. */
function asTheLibrary(expression: string, claims: unknown): unknown {
  const result = plan(library, parse(expression))({ claims: celInput(claims, unlimited) });
  try {
    return isCelError(result) ? undefined : jsonOf(result, unlimited.spend);
  } catch {
    return undefined;
  }
}

function pick<Item>(draw: Draw, items: readonly Item[]): Item {
  return items[draw(0, items.length)] as Item;
}

/** A random expression over `claims`, with the variables of the loops around it. */
function expressionOf(draw: Draw, depth: number, variables: readonly string[] = []): string {
  const inner = (more: readonly string[] = []) => expressionOf(draw, depth - 1, [...variables, ...more]);
  const name = `v${variables.length}`;
  if (depth === 0)
    return pick(draw, [
      ...variables,
      ...variables,
      "claims.a",
      "claims.b",
      "claims.s",
      "claims.m",
      "claims.m.n1",
      "claims.none",
      "1",
      "1.0",
      "2u",
      "'n1'",
      "true",
      "null",
      "[]",
      "b'x'",
    ]);
  const loop = pick(draw, ["exists", "all", "filter", "exists_one"]);
  const list = () => pick(draw, ["claims.a", "claims.b", "claims.m", "[1, 'n1']", inner()]);
  const condition = (more: readonly string[]) => `(${inner(more)} ${pick(draw, ["==", "!="])} ${inner(more)})`;
  return pick(draw, [
    () => `(${list()}).${loop}(${name}, ${condition([name])})`,
    () => `(${list()}).${loop}(${name}, ${inner([name])})`,
    () => `(${list()}).map(${name}, ${inner([name])})`,
    () => `(${list()}).map(${name}, ${inner([name])}, ${inner([name])})`,
    () => `(${inner()} ${pick(draw, ["==", "!=", "+", "<", ">=", "&&", "||", "in", "-"])} ${inner()})`,
    () => `(${inner()} ${pick(draw, ["==", "!=", "+", "&&", "||", "in"])} ${inner()})`,
    () => `[${inner()}, ${inner()}]`,
    () => `{'x': ${inner()}, ${pick(draw, ["1", "'n1'", "true"])}: ${inner()}}`,
    () => `(${condition([])} ? ${inner()} : ${inner()})`,
    () => `size(${inner()})`,
    () => `(${inner()})[${inner()}]`,
    () => `!(${inner()})`,
    () => `string(${inner()}).${pick(draw, ["contains", "startsWith", "endsWith"])}('n')`,
    () => `string(${inner()}).matches(${pick(draw, ["'^n[0-9]+$'", "'(x|n)*1'", "claims.s"])})`,
    () => `${pick(draw, ["timestamp", "duration", "int", "bytes", "type", "dyn", "double"])}(${inner()})`,
  ])();
}

function claimsOf(draw: Draw, size: number): Record<string, unknown> {
  const length = () => draw(0, size + 1);
  return {
    a: Array.from({ length: length() }, () => pick(draw, [1, 2, "n1", "n2", [1], { n1: 1 }, null])),
    b: Array.from({ length: length() }, (_, index) => `n${index}`),
    s: "n1".repeat(length()),
    m: Object.fromEntries(Array.from({ length: Math.min(length(), 500) }, (_, index) => [`n${index}`, index])),
  };
}

test("metered, an expression has the same value or fails as in the library", (t) => {
  const draw = seededRandom(t);
  let [values, failures] = [0, 0];
  for (let round = 0; round < rounds(1_000); round += 1) {
    const [expression, claims] = [expressionOf(draw, draw(1, 5)), claimsOf(draw, 3)];
    const program = compile(expression, { claims: {} });
    if (typeof program !== "function") return t.fail(`${expression}: ${program.join()}`);
    const result = program({ claims });
    if (result instanceof CostError) continue;
    const expected = asTheLibrary(expression, claims);
    if (expected === undefined) failures += 1;
    else values += 1;
    if (!isDeepStrictEqual(result instanceof Error ? undefined : result, expected))
      return t.fail(`${expression} over ${JSON.stringify(claims)}: ${String(result)}, not ${JSON.stringify(expected)}`);
  }
  t.log({ values, failures });
  return t.true(values > 100 && failures > 100);
});

/** A whole budget takes about 10 ms on a quiet core. The core of a test is shared, and the code is not compiled yet. */
const MOST_CPU_MS = 400;

test("whatever the expression and the sizes, an evaluation is short", (t) => {
  boundByRounds(t);
  const draw = seededRandom(t);
  let [costly, longest] = [0, 0];
  for (let round = 0; round < rounds(150); round += 1) {
    const [expression, claims] = [expressionOf(draw, draw(2, 7)), claimsOf(draw, 3_000)];
    const program = compile(expression, { claims: {} });
    if (typeof program !== "function") return t.fail(`${expression}: ${program.join()}`);
    const took: number[] = [];
    do {
      const before = process.cpuUsage();
      if (program({ claims }) instanceof CostError) costly += 1;
      const { user, system } = process.cpuUsage(before);
      took.push((user + system) / 1_000);
    } while (Math.min(...took) > MOST_CPU_MS && took.length < 5);
    longest = Math.max(longest, Math.min(...took));
    if (longest > MOST_CPU_MS) return t.fail(`${longest} ms: ${expression}`);
  }
  t.log({ costly, longest });
  return t.true(costly > 0);
});
