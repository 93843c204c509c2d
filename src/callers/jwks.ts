import { isDeepStrictEqual } from "node:util";
import type { IssuerAlgorithm } from "../keys/model.ts";
import { KEY_ID, KEY_ID_FORM } from "../problem/field-rules.ts";
import { isObject } from "../schema/object-schema.ts";
import { parseStrictObject } from "../token/claims/strict-json.ts";
import { type ImportKey, type IssuerKey, IssuerKeysError, type VerifyCompact } from "./issuer-keys.ts";

/** Which keys of a document may verify. */
export interface KeyRules {
  /** What their `use` must be: `sig` of an issuer, `jwt-svid` in a SPIFFE bundle. */
  readonly use: "sig" | "jwt-svid";
  /** Whether it may be absent. */
  readonly useOptional: boolean;
  readonly algorithms: readonly IssuerAlgorithm[];
}

/** A key that is not used, and why: the end of a sentence that begins with "it". */
export interface RefusedKey {
  /** Empty where it has none. */
  readonly kid: string;
  readonly reason: string;
}

export interface KeySet {
  /** By `kid`. */
  readonly keys: ReadonlyMap<string, IssuerKey>;
  readonly refused: readonly RefusedKey[];
}

type Jwk = Readonly<Record<string, unknown>>;

const MAX_KEYS = 100;
/** Members of a private or symmetric key (RFC 7518, 6.2.2, 6.3.2 and 6.4.1): an issuer that published it lost it. */
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/**
 * Reads a JWK Set (RFC 7517, 5). A key that can't be used is refused for itself, since issuers publish keys for other
 * purposes beside those that sign. `known` keys are not imported again.
 *
 * @throws IssuerKeysError NOT_A_JWKS, as a rejection.
 */
export async function readJwks(
  document: Buffer,
  rules: KeyRules,
  importKey: ImportKey,
  known: KeySet["keys"] = new Map(),
): Promise<KeySet> {
  const jwks = keysIn(document);
  const counts = Map.groupBy(jwks, ({ kid }) => kid);
  const keys = new Map<string, IssuerKey>();
  const refused: RefusedKey[] = [];
  for (const jwk of jwks) {
    const kid = typeof jwk.kid === "string" && KEY_ID.test(jwk.kid) ? jwk.kid : "";
    const before = known.get(kid);
    try {
      if (kid === "") throw new Error(`has a bad kid, which ${KEY_ID_FORM}`);
      // Which of them counts would depend on their order.
      if ((counts.get(kid)?.length ?? 0) > 1) throw new Error("shares its kid with another one");
      const text = JSON.stringify(jwk);
      keys.set(kid, before?.text === text ? before : await importJwk(jwk, text, rules, importKey));
    } catch (error) {
      refused.push({ kid, reason: (error as Error).message });
    }
  }
  return { keys, refused };
}

/** Whether two sets consist of the same keys. */
export function isSameSet(one: KeySet, other: KeySet): boolean {
  const same = one.keys.size === other.keys.size && [...one.keys].every(([kid, key]) => other.keys.get(kid) === key);
  return same && isDeepStrictEqual(one.refused, other.refused);
}

function keysIn(document: Buffer): readonly Jwk[] {
  const { keys } = parseStrictObject(document) ?? {};
  if (!Array.isArray(keys) || !keys.every(isObject))
    throw new IssuerKeysError("NOT_A_JWKS", "the document is not a JWK Set (RFC 7517, 5)");
  if (keys.length > MAX_KEYS)
    throw new IssuerKeysError("NOT_A_JWKS", `the document has ${keys.length} keys: at most ${MAX_KEYS} are read`);
  return keys;
}

async function importJwk(jwk: Jwk, text: string, rules: KeyRules, importKey: ImportKey): Promise<IssuerKey> {
  const algorithms = algorithmsOf(jwk, rules);
  const verifiers = new Map<string, VerifyCompact>();
  for (const alg of algorithms) verifiers.set(alg, await importKey(jwk, alg));
  return { verifiers, text };
}

/** The algorithms that a key may be used with. Throws an Error that says why there are none. */
function algorithmsOf(jwk: Jwk, { use, useOptional, algorithms }: KeyRules): readonly IssuerAlgorithm[] {
  if (PRIVATE_MEMBERS.some((name) => jwk[name] !== undefined)) throw new Error("holds private members");
  if (jwk.use !== use && !(useOptional && jwk.use === undefined)) throw new Error(`is not for use ${use}`);
  if (jwk.key_ops !== undefined && !(Array.isArray(jwk.key_ops) && jwk.key_ops.includes("verify")))
    throw new Error("has no key_ops to verify");
  const fitting = algorithms.filter((alg) => fits(jwk, alg) && (jwk.alg === undefined || jwk.alg === alg));
  if (fitting.length === 0) throw new Error(`fits none of ${algorithms.join(", ")} by its kty, crv and alg`);
  return fitting;
}

const CURVES: Readonly<Record<string, string>> = { ES256: "P-256", ES384: "P-384", ES512: "P-521", EdDSA: "Ed25519" };

function fits({ kty, crv }: Jwk, alg: IssuerAlgorithm): boolean {
  if (alg.startsWith("RS") || alg.startsWith("PS")) return kty === "RSA";
  return kty === (alg === "EdDSA" ? "OKP" : "EC") && crv === CURVES[alg];
}
