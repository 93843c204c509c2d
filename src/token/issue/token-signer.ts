import type { AuditLog } from "../../audit/event.ts";
import type { FoundKey, TokenKeys } from "../../keys/token-keys.ts";
import type { SigningKey } from "../../keys/vault.ts";
import { auditProblem } from "../../problem/audit-problem.ts";
import { subjectOf } from "../subject.ts";
import { tokenIdOf } from "../token-id.ts";
import type { Draft } from "./draft.ts";
import { noSigningKey, signerFor, signingInput } from "./signing-input.ts";

export interface TokenSignerParts {
  readonly audit: AuditLog;
  /** Keyed hash of a subject for the audit event. */
  readonly hashSubject: (subject: string) => string;
  /** One in this many tokens of a key is verified before it leaves. */
  readonly verifyEvery: number;
}

/** A draft and the key for it. `token` and `tokenId` are empty when nothing was signed. */
export interface IssuedToken {
  readonly token: string;
  readonly tokenId: string;
  readonly keyId: string;
  readonly draft: Draft;
}

/** Turns drafts into tokens. Both methods throw or reject with a {@link Problem}. */
export interface TokenSigner {
  /** Resolves once the token's audit event is durable. `requestId` goes into the event; empty: none. */
  sign(draft: Draft, keys: TokenKeys, requestId: string): Promise<IssuedToken>;
  /** Makes every check of `sign`, and neither signs nor records. */
  preview(draft: Draft, keys: TokenKeys): IssuedToken;
}

/**
 * Creates the signer of tokens. It signs, makes the audit event durable, and only then returns the token. A crash in
 * between loses a token that no caller has. In the opposite order it would lose the event of a token that a caller has.
 */
export function createTokenSigner({ audit, hashSubject, verifyEvery }: TokenSignerParts): TokenSigner {
  // How many more tokens each key signs until one is verified again.
  const unverified = new WeakMap<SigningKey, number>();

  return {
    async sign(draft, keys, requestId) {
      // 1. The key that signs now, and the signing input.
      const key = signerFor(draft, keys);
      const text = signingInput(draft, key);
      const input = Buffer.from(text, "latin1");
      // 2. The signature. A sample is verified.
      const signature = key.sign(input);
      if (isSample(key) && !verifies(input, signature, keys.verifier(key.kid, draft.now))) {
        keys.distrust(key.kid);
        throw noSigningKey();
      }
      // 3. The audit event, durable before the token leaves.
      const token = `${text}.${signature.toString("base64url")}`;
      const tokenId = tokenIdOf(draft.claims.object.jti, input);
      const issued = { token, tokenId, keyId: key.kid, draft };
      await record(issued, requestId);
      return issued;
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

  async function record({ draft, tokenId, keyId }: IssuedToken, requestId: string): Promise<void> {
    const { profile, claims, caller, tenant, issuedAt, expiresAt, extended } = draft;
    const subject = subjectOf(claims.object, profile);
    try {
      await audit.append(
        {
          type: "token.issued",
          profile: profile.name,
          tokenId,
          keyId,
          caller,
          subjectHash: subject === undefined ? "" : hashSubject(subject),
          audience: audienceOf(claims.object.aud),
          issuedAt: issuedAt * 1000,
          expiresAt: expiresAt === undefined ? undefined : expiresAt * 1000,
          requestId,
          tenant,
          extended,
        },
        draft.now,
      );
    } catch (cause) {
      throw auditProblem(cause, "issued");
    }
  }
}

/** Whether the public key that verifiers have accepts the signature. */
function verifies(input: Buffer, signature: Buffer, found: FoundKey): boolean {
  return found.state === "ok" && found.key.verify(input, signature);
}

function audienceOf(aud: unknown): readonly string[] {
  return typeof aud === "string" ? [aud] : Array.isArray(aud) ? aud : [];
}
