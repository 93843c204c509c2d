import { hash } from "node:crypto";
import { LRUCache } from "lru-cache";
import { parseSpiffeId } from "../access/spiffe-id.ts";
import { Problem } from "../problem/problem.ts";
import { reject, type Step } from "../token/rejection.ts";
import { readCredential, tokenInHeader, type Unverified, unproven } from "./credential.ts";
import type { Proven } from "./identify.ts";
import type { IssuerKey, VerifyCompact } from "./issuer-keys.ts";
import { type OwnTokens, ownProfileOf, proveOwn } from "./own-tokens.ts";
import { checkHeader, type ProvenUntil, proveCaller, type Trust } from "./trust.ts";

/** Whose tokens prove callers. */
export interface BearerParts {
  /** By their exact `iss`. */
  readonly issuers: ReadonlyMap<string, Trust>;
  /** By the trust domain of the `sub` of their JWT-SVIDs. */
  readonly trustDomains: ReadonlyMap<string, Trust>;
  readonly own: OwnTokens;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/**
 * Names the caller by the value of an `authorization` header. Synchronous for a token that was verified a moment ago.
 * Throws or rejects with the {@link Problem} UNAUTHENTICATED, or KEYS_UNAVAILABLE where the issuer's keys can't be
 * read.
 */
export type CheckBearer = (authorization: string) => Proven | Promise<Proven>;

/** A verified token. It counts until it expires, or its key is gone. */
interface Remembered {
  readonly proven: ProvenUntil;
  readonly trust: Trust;
  readonly kid: string;
  readonly key: IssuerKey;
}

/** A caller has one token at a time. */
const MAX_REMEMBERED = 10_000;

export function createBearer({ issuers, trustDomains, own, now }: BearerParts): CheckBearer {
  // By a hash of the exact text, which is useless as a token: a text that differs in a bit is verified anew.
  const remembered = new LRUCache<string, Remembered>({ max: MAX_REMEMBERED });

  return (authorization) => {
    const token = orThrow(tokenInHeader(authorization));
    const digest = hash("sha256", token, "base64url");
    const known = remembered.get(digest);
    if (known !== undefined && now() < known.proven.until && known.trust.keys.find(known.kid) === known.key)
      return known.proven;
    const unverified = orThrow(readCredential(token));
    const profile = ownProfileOf(unverified, own.profiles());
    if (profile === undefined) return verify(unverified, orThrow(trustFor(unverified)), digest);
    // Not remembered here: it may be revoked at any moment. VerifyToken remembers its signature.
    const proven = proveOwn(token, profile, own.verify);
    return proven instanceof Promise ? proven.then(orThrow) : orThrow(proven);
  };

  /** By unverified claims, which choose whose keys must have signed them, and nothing else. */
  function trustFor({ registered: { iss = "", sub = "" } }: Unverified): Step<Trust> {
    const trust = trustDomains.get(parseSpiffeId(sub)?.trustDomain ?? "") ?? issuers.get(iss);
    return trust === undefined
      ? reject("ISSUER_MISMATCH", "no trusted issuer has this iss, and no trusted domain this sub")
      : { ok: trust };
  }

  async function verify(unverified: Unverified, trust: Trust, digest: string): Promise<Proven> {
    const rejection = checkHeader(unverified, trust);
    if (rejection) throw unproven(rejection);
    const kid = orThrow(kidOf(unverified));
    const key = trust.keys.find(kid) ?? (await findAgain(kid, trust));
    const isGood = orThrow(verifierOf(key, unverified));
    if (!(await isGood(unverified.token)))
      throw unproven(reject("BAD_SIGNATURE", "the signature does not match the token").rejection);
    const proven = orThrow(proveCaller(unverified, trust, now()));
    remembered.set(digest, { proven, trust, kid, key });
    return proven;
  }
}

function kidOf({ header: { kid } }: Unverified): Step<string> {
  return typeof kid === "string" ? { ok: kid } : reject("HEADER_INVALID", "kid is required");
}

/** The issuer may have published the key a moment ago. */
async function findAgain(kid: string, { keys }: Trust): Promise<IssuerKey> {
  try {
    await keys.reload();
  } catch (cause) {
    const message = "the keys of the token's issuer are not known here, and can't be read";
    throw new Problem("KEYS_UNAVAILABLE", message, { cause, retryAfterMs: 5_000 });
  }
  const key = keys.find(kid);
  if (key === undefined) throw unproven(reject("UNKNOWN_KEY", "no key of the issuer has this kid").rejection);
  return key;
}

/** A key that may be used with one algorithm verifies none of another. */
function verifierOf({ verifiers }: IssuerKey, { header: { alg } }: Unverified): Step<VerifyCompact> {
  const verifier = verifiers.get(alg);
  if (verifier !== undefined) return { ok: verifier };
  return reject("ALGORITHM_NOT_ALLOWED", "the token's key has another algorithm");
}

function orThrow<T>(step: Step<T>): T {
  if (step.rejection) throw unproven(step.rejection);
  return step.ok;
}
