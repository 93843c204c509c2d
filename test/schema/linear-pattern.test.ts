import { RE2JS } from "@bufbuild/re2";
import test from "ava";
import { compileLinearPattern } from "../../src/schema/linear-pattern.ts";
import { seededRandom } from "../support/seeded-random.ts";

for (const pattern of ["^(a+)+$", "(x+x+)+y", "^(a|aa)*$"])
  test(`a text on which backtracking would take exponential time is answered: ${pattern}`, (t) => {
    t.false(compileLinearPattern(pattern).test(`${"ax".repeat(1_000)}!`));
    t.false(compileLinearPattern(pattern).test(`${"a".repeat(5_000)}!`));
  });

test("whatever the texts, it decides as RegExp does", (t) => {
  const draw = seededRandom(t);
  const patterns = [
    "^a*b$",
    "a|^b$",
    "^a|b$",
    "^(a|b)!$",
    "^[^a]$",
    "b",
    "^$",
    "^a\\$",
    "^\\x{1F600}$",
    "(?i)^A$",
    "^.b$",
  ];
  const letters = ["a", "b", "!", "$", "\u{1F600}", "\n", "A"];
  for (const pattern of patterns) {
    const oracle = new RegExp(pattern.replace("(?i)^A$", "^[Aa]$").replace("x{", "u{"), "u");
    const linear = compileLinearPattern(pattern);
    for (let round = 0; round < 300; round += 1) {
      const text = Array.from({ length: draw(0, 5) }, () => letters[draw(0, letters.length)]).join("");
      t.is(linear.test(text), oracle.test(text), JSON.stringify([pattern, text]));
    }
  }
});

test("what it has met is forgotten before the engine changes to a search that is not linear", (t) => {
  const draw = seededRandom(t);
  const engine = Object.getPrototypeOf(new RE2JS("a").re2());
  const slow = engine._nfaFallback;
  t.is(typeof slow, "function");
  engine._nfaFallback = () => t.fail("the slow search");
  t.teardown(() => {
    engine._nfaFallback = slow;
  });
  const linear = compileLinearPattern("^[ab]*a[ab]{20}c$");
  // Each text brings thousands of states, and 10 000 are the engine's limit.
  for (let round = 0; round < 4; round += 1) {
    const text = Array.from({ length: 8_000 }, () => "ab"[draw(0, 2)]).join("");
    t.false(linear.test(text));
  }
});

test("a pattern without a loop fails at once for a text that is longer than all that it matches", (t) => {
  const linear = compileLinearPattern("^[ab]{1,64}$");
  t.is(linear.mostSteps(8_192), linear.mostSteps(300));
  t.true(linear.test("a".repeat(64)));
  t.false(linear.test("a".repeat(65)));
  t.true(compileLinearPattern("^[\\x{1F600}]{1,64}$").test("\u{1F600}".repeat(64)));
  for (const loop of ["^[ab]{1,}$", "^[ab]*$", "^[ab]+$"]) t.true(compileLinearPattern(loop).test("a".repeat(8_192)));
});

test("a text beyond all limits matches nothing", (t) => {
  t.true(compileLinearPattern("a*").test("a".repeat(8_192)));
  t.false(compileLinearPattern("a*").test("a".repeat(8_193)));
});

for (const [what, pattern, expected] of [
  ["a look-ahead", "^(?=a)", /has a look-around/],
  ["a look-behind", "(?<!a)b", /has a look-around/],
  ["a back-reference", "(a)\\1", /back-reference/],
  ["a character of another notation", "\\u0041", /not a valid RE2 expression: invalid escape sequence/],
  ["too many repetitions", "(a{600}){2}", /repetition counts/],
  ["a program that is too large", "[ab]{600}[cd]{600}", /repeats too much/],
] as const)
  test(`${what} is refused with the rule in words`, (t) => {
    t.throws(() => compileLinearPattern(pattern), { message: expected });
  });
