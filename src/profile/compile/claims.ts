import { sortedJson } from "../canonical-json.ts";
import { failureOf, type Program } from "../cel/cel.ts";
import {
  ClaimExpressionError,
  type ClaimRule,
  type ClaimSource,
  type ClaimValues,
  type MapClaims,
} from "../model/claims.ts";

type Request = Readonly<Record<string, unknown>>;
/** Returns the value of one claim; undefined or null: the claim is not signed. */
type ValueOf = (values: ClaimValues, request: Request) => unknown;
/** Adds members to the object and returns their JSON text, each after a comma. */
type Step = (values: ClaimValues, request: Request, object: Record<string, unknown>) => string;

/**
 * Compiles the claims of a profile. Everything that is the same for every token is computed here.
 *
 * @param compile compiles the expression over `request` of the claim at an index.
 * @param used the members of the request object that `rest` leaves out.
 */
export function compileClaims(
  claims: readonly ClaimRule[],
  compile: (expression: string, index: number) => Program,
  used: ReadonlySet<string>,
): MapClaims {
  const steps = claims.map((claim, index) =>
    "rest" in claim
      ? restStep(used)
      : memberStep(
          claim.name,
          claimValue(claim, (expression) => compile(expression, index)),
        ),
  );
  return (values, request) => {
    const object: Record<string, unknown> = {};
    let members = "";
    for (const step of steps) members += step(values, request, object);
    return { text: `{${members.slice(1)}}`, object };
  };
}

function memberStep(name: string, value: ValueOf): Step {
  const prefix = `,${JSON.stringify(name)}:`;
  return (values, request, object) => {
    const claim = value(values, request);
    if (claim === undefined || claim === null) return "";
    object[name] = claim;
    return prefix + sortedJson(claim);
  };
}

function restStep(used: ReadonlySet<string>): Step {
  return (_values, request, object) => {
    let members = "";
    for (const name of Object.keys(request).sort()) {
      const claim = request[name];
      if (claim === undefined || claim === null || used.has(name)) continue;
      object[name] = claim;
      members += `,${JSON.stringify(name)}:${sortedJson(claim)}`;
    }
    return members;
  };
}

function claimValue(claim: Exclude<ClaimRule, { rest: string }>, compile: (expression: string) => Program): ValueOf {
  if ("value" in claim) return () => claim.value;
  if ("cel" in claim) return computedValue(claim.name, compile(claim.cel));
  const { from } = claim;
  return isMember(from) ? member(from.split(".").slice(1)) : (values) => values[from];
}

function isMember(source: ClaimSource): source is `request.${string}` {
  return source.startsWith("request.");
}

/** Reads the member of the request object at a path. Inherited names are not members. */
function member(path: readonly string[]): ValueOf {
  return (_values, request) => {
    let value: unknown = request;
    for (const name of path) {
      if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
      value = (value as Request)[name];
    }
    return value;
  };
}

function computedValue(name: string, program: Program): ValueOf {
  return (_values, request) => {
    const result = program({ request });
    if (result instanceof Error) throw new ClaimExpressionError(name, failureOf(result), result);
    return result;
  };
}
