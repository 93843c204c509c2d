import { AuditError, type AuditLog } from "../audit/event.ts";
import type { Profile } from "../profile/profile.ts";
import { MAX_TOKEN_LENGTH } from "./compact.ts";
import { type Draft, draftToken, type IssueRequest } from "./draft.ts";
import type { KeyLookup, SigningKey, TokenKeys } from "./keys.ts";
import { invalidRequest, Problem } from "./problem.ts";

/** What issuing needs from outside. */
export interface IssueParts {
  readonly audit: AuditLog;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** A fresh `jti`. */
  readonly newTokenId: () => string;
  /** Keyed hash of a subject for the audit event. */
  readonly hashSubject: (subject: string) => string;
  /** Every how many tokens one is verified before it leaves. */
  readonly verifyEvery: number;
}

/** Issues one token. Rejects with a {@link Problem}. */
export type TokenIssuer = (
  profile: Profile,
  keys: TokenKeys,
  request: IssueRequest,
  caller: string,
) => Promise<IssuedToken>;

/** A token whose audit event is durable. */
export interface IssuedToken {
  readonly token: string;
  readonly keyId: string;
  readonly draft: Draft;
}

/**
 * Issues a token: checks the request, signs, makes the audit event durable, and only then answers. A death between signing
 * and answering loses a token that nobody has; the other order would lose the event of a token that somebody has.
 */
export function tokenIssuer(parts: IssueParts): TokenIssuer {
  let sampled = { kid: "", unverified: 0 };

  return async (profile, keys, request, caller) => {
    const now = parts.now();
    const draft = draftToken(request, { profile, caller, now, tokenId: parts.newTokenId() });
    const key = signerFor(draft, keys);
    const token = signDraft(draft, key);
    verifySample(token, key, keys, now);
    await record(draft, key.kid);
    return { token, keyId: key.kid, draft };
  };

  /** A key that signs wrongly is found before its token leaves, by the half that verifiers have. */
  function verifySample(token: string, key: SigningKey, keys: TokenKeys, now: number): void {
    sampled.unverified += 1;
    if (sampled.kid === key.kid && sampled.unverified < parts.verifyEvery) return;
    sampled = { kid: key.kid, unverified: 0 };
    if (verifies(token, keys.verifier(key.kid, now))) return;
    keys.distrust(key.kid);
    throw noSigningKey();
  }

  async function record(draft: Draft, keyId: string): Promise<void> {
    try {
      await parts.audit.append(
        {
          type: "token.issued",
          profile: draft.profile.name,
          tokenId: draft.tokenId,
          keyId,
          caller: draft.caller,
          subjectHash: parts.hashSubject(draft.subject),
          audience: draft.audience,
          issuedAt: draft.issuedAt * 1000,
          expiresAt: draft.expiresAt * 1000,
        },
        draft.now,
      );
    } catch (cause) {
      throw auditProblem(cause);
    }
  }
}

function verifies(token: string, found: KeyLookup): boolean {
  const dot = token.lastIndexOf(".");
  const [input, signature] = [token.slice(0, dot), token.slice(dot + 1)];
  return found.state === "ok" && found.key.verify(Buffer.from(input, "latin1"), Buffer.from(signature, "base64url"));
}

function signerFor(draft: Draft, keys: TokenKeys): SigningKey {
  const key = keys.signer(draft.now);
  if (key === undefined) throw noSigningKey();
  // A key made under an earlier configuration keeps its times; a longer ttl than it was made for must wait for the next.
  const { leeway } = draft.profile.lifetime;
  if ((draft.expiresAt + leeway) * 1000 > key.verifyUntil) {
    const seconds = Math.floor(key.verifyUntil / 1000) - leeway - draft.issuedAt;
    throw new Problem(
      "TTL_BEYOND_KEY",
      `the key that signs now allows at most ${seconds} seconds: ask for a shorter ttl`,
    );
  }
  return key;
}

function noSigningKey(): Problem {
  return new Problem("NO_SIGNING_KEY", "no key may sign now", { retryAfterMs: 1_000 });
}

function auditProblem(cause: unknown): Problem {
  if (!(cause instanceof AuditError)) throw cause;
  return cause.code === "FULL"
    ? new Problem("AUDIT_FULL", "the audit log is full: nothing is issued until events have been forwarded", {
        cause,
        retryAfterMs: 10_000,
      })
    : new Problem("AUDIT_UNAVAILABLE", "the audit event could not be stored: nothing was issued", {
        cause,
        retryAfterMs: 1_000,
      });
}

/** An Ed25519 signature in base64url. */
const SIGNATURE_LENGTH = 86;

/** The part of a token that is the same for every one of a profile and key. */
const headers = new WeakMap<Profile, { kid: string; text: string }>();

function encodedHeader(profile: Profile, { alg, kid }: SigningKey): string {
  const known = headers.get(profile);
  if (known?.kid === kid) return known.text;
  const { typ } = profile.header;
  const text = Buffer.from(JSON.stringify({ alg, ...(typ === undefined ? {} : { typ }), kid })).toString("base64url");
  headers.set(profile, { kid, text });
  return text;
}

/** JWS compact serialisation (RFC 7515, 7.1) of a draft. */
function signDraft(draft: Draft, key: SigningKey): string {
  const input = `${encodedHeader(draft.profile, key)}.${Buffer.from(draft.claims.text).toString("base64url")}`;
  // A token that every verifier refuses for its size is born invalid.
  if (input.length + 1 + SIGNATURE_LENGTH > MAX_TOKEN_LENGTH)
    throw invalidRequest([
      { field: "claims", description: `must let the token have at most ${MAX_TOKEN_LENGTH} characters` },
    ]);
  return `${input}.${key.sign(Buffer.from(input, "latin1")).toString("base64url")}`;
}
