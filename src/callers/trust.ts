import { parseSpiffeId } from "../access/spiffe-id.ts";
import type { IssuerAlgorithm } from "../keys/model.ts";
import { mediaType } from "../profile/token-types.ts";
import { type Rejection, reject, type Step } from "../token/rejection.ts";
import { checkTimes, type TimeRules } from "../token/verify/times.ts";
import { nameOf, type Unverified } from "./credential.ts";
import type { Proven } from "./identify.ts";
import type { IssuerKeys } from "./issuer-keys.ts";

/** Whose tokens prove callers, and under which rules. */
export interface Trust {
  /** In `aud` of every token. */
  readonly audience: string;
  readonly algorithms: readonly IssuerAlgorithm[];
  /** The `typ` that a token may have, as media types. It may also have none. */
  readonly types: readonly string[];
  readonly keys: IssuerKeys;
  /** The caller that the subject of a token names. */
  nameCaller(subject: string | undefined): Step<Proven>;
}

/** An issuer that the configuration names by an alias. */
export interface Issuer {
  readonly alias: string;
  readonly audience: string;
  readonly algorithms: readonly IssuerAlgorithm[];
}

/** Not those of a security event, a logout or a proof of possession, which issuers sign with the same keys. */
const ACCESS_TYPES = ["jwt", "at+jwt"].map(mediaType);
/** JWT-SVID, 2.3. */
const SVID_TYPES = ["jwt", "jose"].map(mediaType);
/** JWT-SVID, 2.1. */
export const SVID_ALGORITHMS = [
  ...(["RS256", "RS384", "RS512"] as const),
  ...(["ES256", "ES384", "ES512"] as const),
  ...(["PS256", "PS384", "PS512"] as const),
] as const;

/** Trust in the tokens of an issuer, whose subjects are named `jwt:ALIAS:SUBJECT`. */
export function trustInIssuer({ alias, audience, algorithms }: Issuer, keys: IssuerKeys): Trust {
  return {
    ...{ audience, algorithms, types: ACCESS_TYPES, keys },
    nameCaller(subject) {
      const name = nameOf(`jwt:${alias}`, subject);
      return name.rejection ? name : { ok: { name: name.ok, proof: "jwt" } };
    },
  };
}

/** Trust in the JWT-SVIDs of a trust domain. Its keys prove names of this trust domain alone. */
export function trustInDomain(trustDomain: string, audience: string, keys: IssuerKeys): Trust {
  return {
    ...{ audience, algorithms: SVID_ALGORITHMS, types: SVID_TYPES, keys },
    nameCaller(subject = "") {
      const spiffeId = parseSpiffeId(subject);
      return spiffeId?.trustDomain === trustDomain
        ? { ok: { name: spiffeId.id, proof: "jwt-svid" } }
        : reject("CLAIM_INVALID", "sub must be the SPIFFE ID of a workload of the trust domain");
    },
  };
}

const DAY_SECONDS = 86_400;
const SKEW_SECONDS = 60;
const TIMES: TimeRules = {
  exp: "required",
  max: DAY_SECONDS,
  extended: undefined,
  maxAge: undefined,
  leeway: 0,
  skew: SKEW_SECONDS,
};

/** Checks the header of a token, before its key is looked for. */
export function checkHeader({ header: { alg, typ } }: Unverified, { algorithms, types }: Trust): Rejection | undefined {
  // RFC 8725, 3.1: the configuration decides the algorithm, not the token.
  if (!algorithms.some((allowed) => allowed === alg))
    return reject("ALGORITHM_NOT_ALLOWED", `only ${algorithms.join(" or ")} is allowed here`).rejection;
  if (typ !== undefined && !types.includes(mediaType(typ)))
    return reject("TYPE_MISMATCH", "typ must be that of a credential, or absent").rejection;
  return undefined;
}

/** A caller by a token that expires, in Unix milliseconds. */
export type ProvenUntil = Proven & { readonly until: number };

/** Names the caller of a token with a good signature. `now` in Unix milliseconds. */
export function proveCaller({ registered }: Unverified, trust: Trust, now: number): Step<ProvenUntil> {
  const rejection = checkTimes(registered, TIMES, now / 1000);
  if (rejection) return { rejection };
  if (!registered.aud?.includes(trust.audience)) return reject("AUDIENCE_MISMATCH", "aud does not name this service");
  const named = trust.nameCaller(registered.sub);
  return named.rejection ? named : { ok: { ...named.ok, until: (registered.exp ?? 0) * 1000 } };
}
