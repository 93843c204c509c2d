import { RE2JS, RE2JSSyntaxException } from "@bufbuild/re2";

/** In UTF-16 units; every text that a profile's schema checks is shorter. A longer text matches nothing. */
export const LONGEST_TEXT = 8_192;
const MAX_STATES = 1_000;
const MAX_SEEN = 65_536;
/** Instructions of the compiled pattern; a repetition counts once for each time that it repeats. */
const MAX_INSTRUCTIONS = 1_000;

/** What may repeat without a limit. Escaped and in a class too, where it does no harm. */
const LOOPS = /[*+]|,\}/;

/** A regular expression that matches in linear time. */
export interface LinearPattern {
  /** Whether the pattern matches anywhere in the text. */
  test(text: string): boolean;
  /** The most steps that a match of a text of this length may take. */
  mostSteps(length: number): number;
  /** The pattern's text. */
  toString(): string;
}

/**
 * Compiles a regular expression in RE2 syntax. Matching takes time linear in the length of the text, where `RegExp` may
 * take exponential time: the pattern comes from an operator, the text from a caller, and the match blocks the event
 * loop.
 *
 * @throws Error when the pattern is not valid RE2, or too large.
 */
export function compileLinearPattern(pattern: string): LinearPattern {
  const whole = wholeMatch(pattern);
  let engine = compile(whole ?? pattern);
  let seen = 0;
  const instructions = engine.re2().prog.numInst();
  // Without a loop each instruction takes one code point at most.
  const longest = whole === undefined || LOOPS.test(whole) ? LONGEST_TEXT : Math.min(2 * instructions, LONGEST_TEXT);
  return {
    mostSteps: (length) => Math.min(length, longest) * instructions,
    toString: () => pattern,
    test(text) {
      if (text.length > longest) return false;
      const matches = whole === undefined ? engine.test(text) : engine.testExact(text);
      seen += text.length;
      // The engine caches DFA states. Beyond 10 000 it changes to a search that is not linear, and each character of a
      // text adds at most one state.
      if (seen > MAX_SEEN || engine.re2().dfa.stateCount > MAX_STATES) {
        engine = compile(whole ?? pattern);
        seen = 0;
      }
      return matches;
    },
  };
}

/** The pattern between `^` and `$` when both anchor all of it: an exact match takes a tenth of the time of a search. */
function wholeMatch(pattern: string): string | undefined {
  const between = /^\^(.*)(?<!\\)\$$/su.exec(pattern)?.[1];
  return between === undefined || /\||\(\?|\\Q/u.test(between) ? undefined : between;
}

function compile(pattern: string): RE2JS {
  const engine = compiled(pattern);
  if (engine.re2().prog.numInst() > MAX_INSTRUCTIONS)
    throw new Error(`the pattern "${pattern}" repeats too much: limit the length with maxLength instead`);
  return engine;
}

function compiled(pattern: string): RE2JS {
  try {
    return new RE2JS(pattern);
  } catch (error) {
    throw new Error(`the pattern "${pattern}" ${objectionTo(pattern, error)}`);
  }
}

function objectionTo(pattern: string, error: unknown): string {
  if (/\(\?<?[=!]/.test(pattern)) return "has a look-around, which can't be matched in linear time";
  if (/\\[1-9k]/.test(pattern)) return "has a back-reference, which can't be matched in linear time";
  const reason = error instanceof RE2JSSyntaxException ? error.error : "unreadable";
  const hint = "a character is written \\x{41}, a repetition counts to at most 1000";
  return `is not a valid RE2 expression: ${reason} (${hint})`;
}
