import { isExact, MUST_BE_EXACT, MUST_BE_IN_RANGE } from "../../schema/exact-number.ts";
import { type Rejection, reject } from "../rejection.ts";
import { cutPathText, type Path } from "./accept.ts";
import type { Json, JsonObject } from "./strict-json.ts";

/** Registered claims that are numbers (RFC 7519, 2): a string would be no remedy. */
const TIMES: ReadonlySet<string> = new Set(["exp", "nbf", "iat"]);

/**
 * Checks every number of a payload, on all levels. JSON.parse reads 1e400 as Infinity, and 9007199254740993 as …992, so
 * that a rule or a gateway would decide about another account than the one that was signed. `payload`: under the names
 * that the token uses.
 */
export function checkNumbers(payload: JsonObject): Rejection | undefined {
  const inexact = pathOfNumber(payload, (number) => !isExact(number));
  if (inexact === undefined) return undefined;
  if (pathOfNumber(payload, (number) => !Number.isFinite(number)) !== undefined)
    return reject("MALFORMED", "the payload holds a number beyond ±1.8e308").rejection;
  const rule = inexact.length === 1 && TIMES.has(String(inexact[0])) ? MUST_BE_IN_RANGE : MUST_BE_EXACT;
  return reject("CLAIM_INVALID", `${cutPathText(inexact)} ${rule}`).rejection;
}

/** The path of the first number that matches. The recursion is bounded by the depth of strict JSON. */
function pathOfNumber(value: Json, matches: (number: number) => boolean): Path | undefined {
  if (typeof value === "number") return matches(value) ? [] : undefined;
  if (typeof value !== "object" || value === null) return undefined;
  // Not entries, which makes an array for each member: this runs for every token.
  for (const name of Object.keys(value)) {
    const path = pathOfNumber((value as JsonObject)[name] as Json, matches);
    if (path !== undefined) return [name, ...path];
  }
  return undefined;
}
