import type { AuditLog } from "../../audit/event.ts";
import type { ActiveKey, FoundKey, TokenKeys } from "../../keys/token-keys.ts";
import { auditProblem } from "../../problem/audit-problem.ts";
import { tokenIdOf } from "../token-id.ts";
import type { Draft } from "./draft.ts";
import { noSigningKey, signerFor, signingInput } from "./signing-input.ts";

/** What issuing needs from outside. */
export interface IssuerParts {
  readonly audit: AuditLog;
  /** Keyed hash of a subject for the audit event. */
  readonly hashSubject: (subject: string) => string;
  /** Every how many tokens of a key one is verified before it leaves. */
  readonly verifyEvery: number;
}

/** What was drafted and the key for it. `token` and `tokenId` are empty when nothing was signed. */
export interface IssuedToken {
  readonly token: string;
  readonly tokenId: string;
  readonly keyId: string;
  readonly draft: Draft;
}

/** Turns drafts into tokens. Both throw or reject with a {@link Problem}. */
export interface Issuer {
  /** Resolves when the token's audit event is durable. `requestId` goes into the event; empty: none. */
  issue(draft: Draft, keys: TokenKeys, requestId: string): Promise<IssuedToken>;
  /** Does all that `issue` does but for signing and recording. */
  preview(draft: Draft, keys: TokenKeys): IssuedToken;
}

/**
 * Issues a token: signs, makes the audit event durable, and only then answers. A death between signing and answering loses
 * a token that nobody has; the other order would lose the event of a token that somebody has.
 */
export function createIssuer({ audit, hashSubject, verifyEvery }: IssuerParts): Issuer {
  // How many more tokens each key signs before one is verified again.
  const unchecked = new WeakMap<ActiveKey, number>();

  return {
    async issue(draft, keys, requestId) {
      const key = signerFor(draft, keys);
      const text = signingInput(draft, key);
      const input = Buffer.from(text, "latin1");
      const signature = key.sign(input);
      verifySample(input, signature, key, keys, draft.now);
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

  /** A key that signs wrongly is found before its token leaves, by the half that verifiers have. */
  function verifySample(input: Buffer, signature: Buffer, key: ActiveKey, keys: TokenKeys, now: number): void {
    const left = unchecked.get(key) ?? 0;
    unchecked.set(key, left === 0 ? verifyEvery - 1 : left - 1);
    if (left > 0 || verifies(input, signature, keys.verifier(key.kid, now))) return;
    keys.distrust(key.kid);
    throw noSigningKey();
  }

  async function record({ draft, tokenId, keyId }: IssuedToken, requestId: string): Promise<void> {
    const { profile, claims, caller, tenant, issuedAt, expiresAt, extended } = draft;
    const subject = claims.object[profile.subjectClaim];
    try {
      await audit.append(
        {
          type: "token.issued",
          profile: profile.name,
          tokenId,
          keyId,
          caller,
          subjectHash: typeof subject === "string" ? hashSubject(subject) : "",
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

function verifies(input: Buffer, signature: Buffer, found: FoundKey): boolean {
  return found.state === "ok" && found.key.verify(input, signature);
}

function audienceOf(aud: unknown): readonly string[] {
  return typeof aud === "string" ? [aud] : Array.isArray(aud) ? aud : [];
}
