import { KEY_ID, KEY_ID_FORM } from "../../problem/field-rules.ts";
import type { Profile } from "../../profile/model/profile.ts";
import { type Json, parseStrictObject } from "../claims/strict-json.ts";
import { reject, type Step } from "../rejection.ts";

/** The protected header of a token, types checked. */
export interface Header {
  readonly alg: string;
  readonly kid: Json | undefined;
  readonly typ: string | undefined;
}

const KNOWN = new Set(["alg", "kid", "typ"]);

/**
 * Reads the header strictly. `jwk`, `jku`, `x5u`, `x5c`, `crit`, `b64` and `zip` are ways for a token to bring its own
 * key or its own rules (RFC 8725, 3.10): any name but `alg`, `kid` and `typ` rejects the token, and nothing is ever
 * fetched.
 */
export function readHeader(bytes: Buffer): Step<Header> {
  const header = parseStrictObject(bytes);
  if (header === undefined) return reject("MALFORMED", "the header is not a strict JSON object");
  const { alg, kid, typ } = header;
  for (const name of Object.keys(header))
    if (!KNOWN.has(name)) return reject("HEADER_INVALID", "the header may hold only alg, kid and typ");
  if (typeof alg !== "string") return reject("HEADER_INVALID", "alg must be a string");
  if (typ !== undefined && typeof typ !== "string") return reject("HEADER_INVALID", "typ must be a string");
  return { ok: { alg, kid, typ } };
}

/** Returns the kid of a header: undefined exactly where the profile's tokens have none. */
export function readKid({ kid }: Header, expected: Profile["header"]): Step<string | undefined> {
  if (expected.kid === "absent")
    return kid === undefined ? { ok: undefined } : reject("HEADER_INVALID", "kid must be absent");
  return typeof kid === "string" && KEY_ID.test(kid) ? { ok: kid } : reject("HEADER_INVALID", `kid ${KEY_ID_FORM}`);
}
