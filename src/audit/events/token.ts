import type { Caller } from "../../caller.ts";
import { flag, int64, list, optionalTimestamp, text, timestamp } from "../proto-json.ts";
import { type Denial, encodeDenial, event, type Party, provenBy } from "./event-type.ts";

/**
 * Why a token was signed and not returned. NOT_ACKNOWLEDGED: the sink did not acknowledge its event in time. CALL_ENDED:
 * the deadline of the call had passed by then, or its client had cancelled it.
 */
export type WithheldReason = "NOT_ACKNOWLEDGED" | "CALL_ENDED";

/** One of the tokens that were presented and not valid. */
export interface RejectedToken {
  /** Who presented it. */
  readonly caller: Party;
  /** The `kid` that it names, or that of the key that verified it; empty: neither. */
  readonly keyId: string;
  /** Empty unless its signature is good. */
  readonly tokenId: string;
}

export const TOKEN_EVENTS = {
  "token.issued": event(
    "tokenIssued",
    (issued: {
      readonly profile: string;
      readonly tokenId: string;
      readonly keyId: string;
      readonly caller: Caller;
      /** Empty where the token names no subject. */
      readonly subjectHash: string;
      readonly audience: readonly string[];
      readonly issuedAt: number;
      readonly expiresAt: number | undefined;
      /** Empty when the call had none. */
      readonly requestId: string;
      /** Empty where the profile has none. */
      readonly tenant: string;
      /** Whether the token has the profile's extended lifetime, because the request asked for it. */
      readonly extended: boolean;
      /** What the profile shows of its claims; undefined: nothing. */
      readonly claims: Readonly<Record<string, unknown>> | undefined;
      /** What it would show if it were not too large, by its paths. */
      readonly claimsLeftOut: readonly string[];
      /** Keyed digest of all of them. */
      readonly claimsDigest: string;
      readonly profileDigest: string;
      /** Undefined: it has no `exp`. */
      readonly ttlSeconds: number | undefined;
      /** The codes of the answer's warnings. */
      readonly warnings: readonly string[];
      /** Empty unless the profile shows it. */
      readonly subject: string;
    }) => ({
      profile: text(issued.profile),
      tokenId: text(issued.tokenId),
      keyId: text(issued.keyId),
      caller: text(issued.caller.name),
      subjectHash: text(issued.subjectHash),
      audience: list(issued.audience),
      issuedAt: timestamp(issued.issuedAt),
      expiresAt: optionalTimestamp(issued.expiresAt),
      requestId: text(issued.requestId),
      tenant: text(issued.tenant),
      extended: flag(issued.extended),
      callerProof: text(issued.caller.proof),
      callerAddress: text(issued.caller.address),
      claims: issued.claims,
      claimsLeftOut: list(issued.claimsLeftOut),
      claimsDigest: text(issued.claimsDigest),
      profileDigest: text(issued.profileDigest),
      ttlSeconds: int64(issued.ttlSeconds ?? 0),
      warnings: list(issued.warnings),
      subject: text(issued.subject),
    }),
  ),
  "token.withheld": event(
    "tokenWithheld",
    (withheld: {
      readonly profile: string;
      readonly tokenId: string;
      readonly keyId: string;
      readonly caller: Caller;
      /** Empty where the profile has none. */
      readonly tenant: string;
      readonly reason: WithheldReason;
    }) => ({
      profile: text(withheld.profile),
      tokenId: text(withheld.tokenId),
      keyId: text(withheld.keyId),
      caller: text(withheld.caller.name),
      tenant: text(withheld.tenant),
      reason: text(withheld.reason),
      ...provenBy(withheld.caller),
    }),
  ),
  "token.denied": event(
    "tokenDenied",
    (denied: Denial & { /** Of the first of them; empty when it had none. */ readonly requestId: string }) => ({
      ...encodeDenial(denied),
      requestId: text(denied.requestId),
    }),
  ),
  "token.rejected": event(
    "tokenRejected",
    (rejected: {
      readonly profile: string;
      readonly reason: string;
      readonly count: number;
      /** The first of them. */
      readonly sample: RejectedToken;
    }) => ({
      profile: text(rejected.profile),
      reason: text(rejected.reason),
      count: int64(rejected.count),
      caller: text(rejected.sample.caller.name),
      ...provenBy(rejected.sample.caller),
      keyId: text(rejected.sample.keyId),
      tokenId: text(rejected.sample.tokenId),
    }),
  ),
  "token.revoked": event(
    "tokenRevoked",
    (revoked: {
      readonly profile: string;
      /** Empty where the profile has none. */
      readonly tenant: string;
      /** Empty when the tokens of a subject are revoked. */
      readonly tokenIds: readonly string[];
      readonly subjectHash: string;
      readonly issuedBefore: number | undefined;
      readonly caller: Caller;
      readonly reason: string;
      readonly until: number;
      /** Empty unless the profile shows it. */
      readonly subject: string;
    }) => ({
      profile: text(revoked.profile),
      tenant: text(revoked.tenant),
      tokenIds: list(revoked.tokenIds),
      subjectHash: text(revoked.subjectHash),
      issuedBefore: optionalTimestamp(revoked.issuedBefore),
      caller: text(revoked.caller.name),
      reason: text(revoked.reason),
      until: timestamp(revoked.until),
      ...provenBy(revoked.caller),
      subject: text(revoked.subject),
    }),
  ),
};
