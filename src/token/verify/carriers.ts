import type { CarrierRule } from "../../profile/model/delivery.ts";
import { reject, type Step } from "../rejection.ts";

/** A name and its value, as a client sent them. */
interface Pair {
  readonly name: string;
  readonly value: string;
}

/** The parts of a client's request that may hold a token, decoded. Shaped as the contract's `Carrier`. */
export interface Carrier {
  readonly headers: readonly Pair[];
  readonly query: readonly Pair[];
  readonly cookies: readonly Pair[];
  readonly body: readonly Pair[];
  /** Empty: no frame was sent. */
  readonly frame: Buffer;
}

/** Most pairs that a carrier may have in all. */
export const MAX_PAIRS = 64;

/** A token that a client presented, and the maximum length where it was found. */
export interface Presented {
  readonly token: string;
  /** In characters. */
  readonly maxLength: number;
}

/**
 * Finds the token in the places where the profile allows one. If there are two values, neither may win, since a proxy
 * in front may have checked the other one: a place that occurs twice is a conflict even if both values are equal, and
 * all places must agree.
 */
export function findToken(carrier: Carrier, rules: readonly CarrierRule[]): Step<Presented> {
  let found: Presented | undefined;
  for (const rule of rules) {
    const values = valuesAt(rule, carrier);
    if (values.length > 1) return reject("CARRIER_CONFLICT", `${placeOf(rule)} occurs more than once`);
    const token = tokenIn(rule, values[0] ?? "");
    if (token === "") continue;
    if (found !== undefined && found.token !== token)
      return reject("CARRIER_CONFLICT", "the request holds different tokens");
    found = { token, maxLength: Math.min(rule.maxLength, found?.maxLength ?? rule.maxLength) };
  }
  if (found === undefined) return reject("CARRIER_MISSING", `no token in ${rules.map(placeOf).join(", ")}`);
  return { ok: found };
}

function valuesAt(rule: CarrierRule, carrier: Carrier): readonly string[] {
  switch (rule.in) {
    case "header":
      return named(carrier.headers, (name) => name.toLowerCase() === rule.name);
    case "query":
      return named(carrier.query, (name) => name === rule.name);
    case "cookie":
      return named(carrier.cookies, (name) => name === rule.name);
    case "body":
      return named(carrier.body, (name) => name === rule.name);
    case "frame":
      // Invalid UTF-8 becomes U+FFFD, which no token contains.
      return [carrier.frame.toString("utf8")];
  }
}

function named(pairs: readonly Pair[], matches: (name: string) => boolean): string[] {
  return pairs.filter(({ name }) => matches(name)).map(({ value }) => value);
}

/** The bare token, or "" when the value has none. */
function tokenIn(rule: CarrierRule, value: string): string {
  if (rule.in === "frame") return value.startsWith(rule.prefix) ? value.slice(rule.prefix.length) : "";
  return rule.in === "header" && rule.scheme !== undefined
    ? withoutScheme(value, rule.scheme, rule.schemeOptional)
    : value;
}

/** RFC 9110, 11.4: the scheme in any case, one or more spaces, the token. */
function withoutScheme(value: string, scheme: string, optional: boolean): string {
  const rest = value.slice(scheme.length);
  if (value.slice(0, scheme.length).toLowerCase() === scheme.toLowerCase() && rest.startsWith(" "))
    return rest.replace(/^ +/, "");
  return optional ? value : "";
}

function placeOf(rule: CarrierRule): string {
  return rule.in === "frame" ? "the first frame" : `the ${PLACE[rule.in]} ${rule.name}`;
}

const PLACE = { header: "header", query: "query parameter", cookie: "cookie", body: "body property" } as const;
