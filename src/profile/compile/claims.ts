import { sortedJson } from "../canonical-json.ts";
import type { Program } from "../cel/cel.ts";
import { failureOf } from "../cel/failure.ts";
import type { ProfileFile } from "../file/schema.ts";
import {
  ClaimExpressionError,
  type ClaimRule,
  type ClaimSource,
  type ClaimValues,
  type MapClaims,
} from "../model/claims.ts";
import { memberAt } from "../model/member.ts";
import { orderingSchema } from "./check-claims.ts";
import { orderOfMembers, schemaAt, schemaOrderedJson } from "./member-order.ts";

type Request = Readonly<Record<string, unknown>>;
/** Returns the value of one claim; undefined or null: the claim is not signed. */
type ValueOf = (values: ClaimValues, request: Request) => unknown;
/** Adds members to the object and returns their JSON text, each after a comma. */
type Step = (values: ClaimValues, request: Request, object: Record<string, unknown>) => string;

/**
 * Compiles the claims of a profile. Everything that is the same for every token is computed here.
 *
 * @param compile compiles the expression over `request` of the claim at an index.
 * @param secondsOf reads the `minus` of the claim at an index.
 * @param used the members of the request object that `rest` leaves out.
 */
export function compileClaims(
  file: Pick<ProfileFile, "claims" | "request" | "accept">,
  compile: (expression: string, index: number, name: string) => Program,
  secondsOf: (minus: string, index: number) => number,
  used: ReadonlySet<string>,
): MapClaims {
  const steps = file.claims.map((claim, index) => {
    if ("rest" in claim) return claim.order === undefined ? restStep(used) : orderedRestStep(used, file.request);
    const value = claimValue(claim, {
      compile: (expression) => compile(expression, index, claim.name),
      secondsOf: (minus) => secondsOf(minus, index),
    });
    const write = claim.order === undefined ? sortedJson : schemaOrderedJson(orderingSchema(claim, file));
    return memberStep(claim.name, value, write);
  });
  return (values, request) => {
    const object: Record<string, unknown> = {};
    let members = "";
    for (const step of steps) members += step(values, request, object);
    return { text: `{${members.slice(1)}}`, object };
  };
}

function memberStep(name: string, value: ValueOf, write: (value: unknown) => string): Step {
  const prefix = `,${JSON.stringify(name)}:`;
  return (values, request, object) => {
    const claim = value(values, request);
    if (claim === undefined || claim === null) return "";
    object[name] = claim;
    return prefix + write(claim);
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

/** `rest` in the order of the request's schema: what it names, then the others by name. */
function orderedRestStep(used: ReadonlySet<string>, schema: object): Step {
  const named = orderOfMembers(schema).filter((name) => !used.has(name));
  const steps = named.map((name) =>
    memberStep(name, memberOfRequest([name]), schemaOrderedJson(schemaAt(schema, [name]))),
  );
  const others = restStep(new Set([...used, ...named]));
  return (values, request, object) => [...steps, others].map((step) => step(values, request, object)).join("");
}

/** Compile the parts of a claim that are not values yet. */
interface PartCompilers {
  compile(expression: string): Program;
  secondsOf(minus: string): number;
}

function claimValue(claim: Exclude<ClaimRule, { rest: string }>, { compile, secondsOf }: PartCompilers): ValueOf {
  if ("value" in claim) return () => claim.value;
  if ("cel" in claim) return computedValue(claim.name, compile(claim.cel));
  const { from, minus } = claim;
  if (minus !== undefined) {
    const seconds = secondsOf(minus);
    return ({ issued_at }) => Math.max(0, issued_at - seconds);
  }
  return isMember(from) ? memberOfRequest(from.split(".").slice(1)) : (values) => values[from];
}

function isMember(source: ClaimSource): source is `request.${string}` {
  return source.startsWith("request.");
}

function memberOfRequest(path: readonly string[]): ValueOf {
  return (_values, request) => memberAt(request, path);
}

function computedValue(name: string, program: Program): ValueOf {
  return (_values, request) => {
    const result = program({ request });
    if (result instanceof Error) throw new ClaimExpressionError(name, failureOf(result));
    return result;
  };
}
