import { RE2JS, RE2JSSyntaxException } from "@bufbuild/re2";

/** In UTF-16 units; all that a profile's schema is shown is shorter. A longer text matches nothing. */
const LONGEST_TEXT = 8_192;
const MOST_STATES = 1_000;
const MOST_LEARNT = 65_536;
/** Steps of the compiled pattern: a repetition counts as often as it repeats. */
const LARGEST_PROGRAM = 1_000;

/** A compiled regular expression. */
export interface LinearPattern {
  /** Whether the pattern matches anywhere in the text. */
  test(text: string): boolean;
  /** The pattern's text. */
  toString(): string;
}

/**
 * Compiles a regular expression in the syntax of RE2. Its time grows with the length of the text and not, as with `RegExp`,
 * exponentially: the pattern is an operator's, the text a caller's, and both run on the event loop.
 *
 * @throws Error when the pattern is none of RE2, or too large.
 */
export function compileLinearPattern(pattern: string): LinearPattern {
  const whole = wholeMatch(pattern);
  let engine = compile(whole ?? pattern);
  let learnt = 0;
  return {
    toString: () => pattern,
    test(text) {
      if (text.length > LONGEST_TEXT) return false;
      const matches = whole === undefined ? engine.test(text) : engine.testExact(text);
      learnt += text.length;
      // The engine keeps a state for what it has met. With 10 000 of them it changes to a search that is not linear, and
      // one text adds at most as many as it has characters.
      if (learnt > MOST_LEARNT || engine.re2().dfa.stateCount > MOST_STATES) {
        engine = compile(whole ?? pattern);
        learnt = 0;
      }
      return matches;
    },
  };
}

/** What stands between `^` and `$` when both bind the whole pattern: matched as a whole it takes a tenth of the time. */
function wholeMatch(pattern: string): string | undefined {
  const between = /^\^(.*)(?<!\\)\$$/su.exec(pattern)?.[1];
  return between === undefined || /\||\(\?|\\Q/u.test(between) ? undefined : between;
}

function compile(pattern: string): RE2JS {
  const engine = compiled(pattern);
  if (engine.re2().prog.numInst() > LARGEST_PROGRAM)
    throw new Error(`the pattern "${pattern}" repeats too much: limit the length with maxLength instead`);
  return engine;
}

function compiled(pattern: string): RE2JS {
  try {
    return new RE2JS(pattern);
  } catch (error) {
    throw new Error(`the pattern "${pattern}" ${ruleAgainst(pattern, error)}`);
  }
}

function ruleAgainst(pattern: string, error: unknown): string {
  if (/\(\?<?[=!]/.test(pattern)) return "looks around: (?=, (?!, (?<= and (?<! can't be matched in linear time";
  if (/\\[1-9k]/.test(pattern)) return "has a back-reference, which can't be matched in linear time";
  const reason = error instanceof RE2JSSyntaxException ? error.error : "unreadable";
  return `is no regular expression of RE2: ${reason} (a character is written \\x{41}, a repetition ends at 1000)`;
}
