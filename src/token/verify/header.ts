import { KEY_ID, KEY_ID_FORM } from "../../problem/field-rules.ts";
import type { Profile } from "../../profile/model/profile.ts";
import { type Json, type JsonObject, parseStrictObject } from "../claims/strict-json.ts";
import { type Rejection, reject, type Step } from "../rejection.ts";

/** The protected header of a token, types checked. */
export interface Header {
  readonly alg: string;
  readonly kid: Json | undefined;
  readonly typ: string | undefined;
  /** All others; undefined: none. */
  readonly parameters: JsonObject | undefined;
}

const KNOWN = new Set(["alg", "kid", "typ"]);

/** Reads the header strictly. */
export function readHeader(bytes: Buffer): Step<Header> {
  const header = parseStrictObject(bytes);
  if (header === undefined) return reject("MALFORMED", "the header is not a strict JSON object");
  const { alg, kid, typ } = header;
  let parameters: Record<string, Json> | undefined;
  for (const name of Object.keys(header)) {
    if (KNOWN.has(name)) continue;
    parameters ??= {};
    parameters[name] = header[name] as Json;
  }
  if (typeof alg !== "string") return reject("HEADER_INVALID", "alg must be a string");
  if (typ !== undefined && typeof typ !== "string") return reject("HEADER_INVALID", "typ must be a string");
  return { ok: { alg, kid, typ, parameters } };
}

/**
 * Checks that the other parameters are exactly those of the profile. `jwk`, `jku`, `x5u`, `x5c`, `crit`, `b64` and `zip`
 * are ways for a token to bring its own key or its own rules (RFC 8725, 3.10): no profile can have them, and nothing is
 * ever fetched.
 */
export function checkParameters(
  { parameters }: Header,
  { parameters: expected }: Profile["header"],
): Rejection | undefined {
  if (parameters === undefined && expected === undefined) return undefined;
  const wanted = Object.entries(expected ?? {});
  const given = parameters ?? {};
  const equal = wanted.every(([name, value]) => Object.hasOwn(given, name) && given[name] === value);
  if (equal && Object.keys(given).length === wanted.length) return undefined;
  const names = ["alg", "kid", "typ", ...wanted.map(([name]) => name)].join(", ");
  return reject("HEADER_INVALID", `the header may hold only ${names}, with the profile's values`).rejection;
}

/** Returns the kid of a header: undefined exactly where the profile's tokens have none. */
export function readKid({ kid }: Header, expected: Profile["header"]): Step<string | undefined> {
  if (expected.kid === "absent")
    return kid === undefined ? { ok: undefined } : reject("HEADER_INVALID", "kid must be absent");
  return typeof kid === "string" && KEY_ID.test(kid) ? { ok: kid } : reject("HEADER_INVALID", `kid ${KEY_ID_FORM}`);
}
