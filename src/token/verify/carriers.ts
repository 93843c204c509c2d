import type { CarrierRule } from "../../profile/model/delivery.ts";
import { reject, type Step } from "../rejection.ts";

/** A name with its value, as a client sent them. */
interface Pair {
  readonly name: string;
  readonly value: string;
}

/** What a client sent, decoded. Shaped as the contract's `Carrier`. */
export interface Carrier {
  readonly headers: readonly Pair[];
  readonly query: readonly Pair[];
  readonly cookies: readonly Pair[];
  readonly body: readonly Pair[];
  /** Empty: there was no frame. */
  readonly frame: Buffer;
}

/** Number of pairs that a carrier may have in all. */
export const MAX_PAIRS = 64;

/** A token that a client presented, and how long it may be where it was. */
export interface Presented {
  readonly token: string;
  /** In characters. */
  readonly maxLength: number;
}

/**
 * Finds the token where the profile looks for one. The first of two values must not win: a proxy in front may have checked
 * the other. So a place that is named twice is a conflict even when both say the same, and several places must agree.
 */
export function findToken(carrier: Carrier, rules: readonly CarrierRule[]): Step<Presented> {
  let found: Presented | undefined;
  for (const rule of rules) {
    const values = valuesAt(rule, carrier);
    if (values.length > 1) return reject("CARRIER_CONFLICT", `${placeOf(rule)} is there more than once`);
    const token = tokenIn(rule, values[0] ?? "");
    if (token === "") continue;
    if (found !== undefined && found.token !== token)
      return reject("CARRIER_CONFLICT", "two places hold different tokens");
    found = { token, maxLength: Math.min(rule.maxLength, found?.maxLength ?? rule.maxLength) };
  }
  if (found === undefined) return reject("CARRIER_MISSING", `there is no token in ${rules.map(placeOf).join(", ")}`);
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
      // Bytes that are no UTF-8 become U+FFFD, which no token holds.
      return [carrier.frame.toString("utf8")];
  }
}

function named(pairs: readonly Pair[], matches: (name: string) => boolean): string[] {
  return pairs.filter(({ name }) => matches(name)).map(({ value }) => value);
}

/** The token alone; empty when there is none. */
function tokenIn(rule: CarrierRule, value: string): string {
  if (rule.in === "frame") return value.startsWith(rule.prefix) ? value.slice(rule.prefix.length) : "";
  return rule.in === "header" && rule.scheme !== undefined
    ? withoutScheme(value, rule.scheme, rule.schemeOptional)
    : value;
}

/** RFC 9110, 11.4: a scheme in any case, one or more spaces, the token. */
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
