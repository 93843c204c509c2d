import { AuditError, type AuditEvent, type AuditLog } from "../../audit/event.ts";
import type { WithheldReason } from "../../audit/events/token.ts";
import type { KeyOwner, PublishKey } from "../../keys/key-history.ts";
import type { FoundKey, TokenKeys } from "../../keys/token-keys.ts";
import type { SigningKey } from "../../keys/vault.ts";
import { auditProblem, notForwarded } from "../../problem/audit-problem.ts";
import { subjectInEvent } from "../../profile/model/audit.ts";
import type { CallTracing } from "../../trace/call-trace.ts";
import { subjectOf } from "../subject.ts";
import { tokenIdOf } from "../token-id.ts";
import { Delivery } from "./delivery.ts";
import type { Draft } from "./draft.ts";
import { noSigningKey, signerFor, signingInput } from "./signing-input.ts";

export interface TokenSignerParts {
  readonly audit: AuditLog;
  /** Each key has its event before it signs. */
  readonly publishKey: PublishKey;
  /** Keyed hash of a subject for the audit event. */
  readonly hashSubject: (subject: string) => string;
  /** Keyed digest of the claims for the audit event. */
  readonly digestClaims: (payload: string) => string;
  /** One in this many tokens of a key is verified before it leaves. */
  readonly verifyEvery: number;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Called for every token that was signed and is not returned. */
  readonly onWithheld: (profile: string, reason: WithheldReason) => void;
  /** Called with the kid of a signature that was not good, so that its token is neither recorded nor returned. */
  readonly onUnrecorded?: (kid: string) => void;
  /** Undefined where traces are off. */
  readonly calls?: CallTracing | undefined;
}

/** A draft and the key for it. `token` and `tokenId` are empty when nothing was signed. */
export interface IssuedToken {
  readonly token: string;
  readonly tokenId: string;
  readonly keyId: string;
  readonly draft: Draft;
  /** Of a strict profile: whoever has the token MUST say whether it left. */
  readonly delivery?: Delivery;
}

/** Turns drafts into tokens. Both methods throw or reject with a {@link Problem}. */
export interface TokenSigner {
  /**
   * Resolves once the token's audit event is durable, and under a strict profile in NATS too. `requestId` goes into the
   * event; empty: none.
   */
  sign(draft: Draft, keys: TokenKeys, requestId: string): Promise<IssuedToken>;
  /** Makes every check of `sign`, and neither signs nor records. */
  preview(draft: Draft, keys: TokenKeys): IssuedToken;
}

/**
 * Creates the signer of tokens. It signs, makes the audit event durable, and only then returns the token. A crash in
 * between loses a token that no caller has. In the opposite order it would lose the event of a token that a caller has.
 */
export function createTokenSigner(parts: TokenSignerParts): TokenSigner {
  const { audit, publishKey, hashSubject, digestClaims, verifyEvery, now, onWithheld, onUnrecorded, calls } = parts;
  // How many more tokens each key signs until one is verified again.
  const unverified = new WeakMap<SigningKey, number>();

  return {
    async sign(draft, keys, requestId) {
      // 1. The key that signs now, and the signing input.
      const key = signerFor(draft, keys);
      const publishing = publishKey(ownerOf(draft), key);
      if (publishing !== undefined) {
        await published(publishing);
        // Begins again: the key may have been replaced, or revoked, meanwhile.
        return this.sign(draft, keys, requestId);
      }
      const text = signingInput(draft, key);
      const input = Buffer.from(text, "latin1");
      const tokenId = tokenIdOf(draft.claims.object.jti, input);
      // Before the signature: one whose event can't be made would be missing in the counts for ever.
      const event = issuedEvent(draft, tokenId, key.kid, requestId);
      // 2. The signature. A sample is verified.
      const call = calls?.current;
      const signature = call === undefined ? key.sign(input) : call.during("sign", () => key.sign(input));
      if (isSample(key) && !verifies(input, signature, keys.verifier(key.kid, draft.now))) {
        onUnrecorded?.(key.kid);
        keys.distrust(key.kid);
        throw noSigningKey();
      }
      // 3. The audit event, where it must be before the token leaves.
      const token = `${text}.${signature.toString("base64url")}`;
      const issued = { token, tokenId, keyId: key.kid, draft };
      await record(issued, event);
      if (draft.profile.audit.mode === "spool") return issued;
      return { ...issued, delivery: new Delivery(() => withhold(issued, "CALL_ENDED")) };
    },
    preview(draft, keys) {
      const key = signerFor(draft, keys);
      signingInput(draft, key);
      return { token: "", tokenId: "", keyId: key.kid, draft };
    },
  };

  /** Whether to verify this token. The first one of each key is a sample. */
  function isSample(key: SigningKey): boolean {
    const left = unverified.get(key) ?? 0;
    unverified.set(key, left === 0 ? verifyEvery - 1 : left - 1);
    return left === 0;
  }

  function issuedEvent(draft: Draft, tokenId: string, keyId: string, requestId: string): AuditEvent {
    const { profile, claims, caller, tenant, issuedAt, expiresAt, extended, warnings } = draft;
    const { subjectHash, subject } = subjectInEvent(subjectOf(claims.object, profile), profile, hashSubject);
    const shown = profile.audit.show(claims);
    return {
      type: "token.issued",
      profile: profile.name,
      tokenId,
      keyId,
      caller,
      subjectHash,
      audience: audienceOf(claims.object.aud),
      issuedAt: issuedAt * 1000,
      expiresAt: expiresAt === undefined ? undefined : expiresAt * 1000,
      requestId,
      tenant,
      extended,
      claims: shown.claims,
      claimsLeftOut: shown.claimsLeftOut,
      claimsDigest: digestClaims(claims.text),
      profileDigest: profile.digest,
      ttlSeconds: expiresAt === undefined ? undefined : expiresAt - issuedAt,
      warnings: warnings.map(({ code }) => code),
      subject,
    };
  }

  async function record(issued: IssuedToken, event: AuditEvent): Promise<void> {
    const { draft } = issued;
    try {
      await audit.append(event, draft.now, draft.profile.audit.mode === "spool" ? "durable" : "forwarded");
    } catch (cause) {
      if (!(cause instanceof AuditError && cause.code === "NOT_FORWARDED")) throw auditProblem(cause, "issued");
      await withhold(issued, "NOT_ACKNOWLEDGED");
      throw notForwarded("NATS did not acknowledge the audit event in time: the token was withheld", cause);
    }
  }

  async function withhold({ draft, tokenId, keyId }: IssuedToken, reason: WithheldReason): Promise<void> {
    const { profile, caller, tenant } = draft;
    onWithheld(profile.name, reason);
    const event = { type: "token.withheld", profile: profile.name, tokenId, keyId, caller, tenant, reason } as const;
    // Storage that has failed since the token's first event stops issuing, and says so itself.
    await audit.append(event, now()).catch(() => undefined);
  }
}

function ownerOf({ profile, tenant }: Draft): KeyOwner {
  return profile.keys.kind === "keyset" ? { keyset: profile.keys.keyset } : { profile: profile.name, tenant };
}

function published(event: Promise<void>): Promise<void> {
  return event.catch((cause) => {
    throw auditProblem(cause, "issued");
  });
}

/** Whether the public key that verifiers have accepts the signature. */
function verifies(input: Buffer, signature: Buffer, found: FoundKey): boolean {
  return found.state === "ok" && found.key.verify(input, signature);
}

function audienceOf(aud: unknown): readonly string[] {
  return typeof aud === "string" ? [aud] : Array.isArray(aud) ? aud : [];
}
