import { createHash } from "node:crypto";
import type { LimitedToken } from "../../access/limits/limits.ts";
import type { Caller } from "../../caller.ts";
import type { TokenKeys } from "../../keys/token-keys.ts";
import { requestIdFault } from "../../problem/field-rules.ts";
import { unknownProfile } from "../../problem/problem.ts";
import { sortedJson } from "../../profile/canonical-json.ts";
import type { Profile } from "../../profile/model/profile.ts";
import type { OnProfileExpressionError } from "../../profile/model/rules.ts";
import type { RevocableToken } from "../../revoke/revoked-set.ts";
import { clientNetwork } from "../ip-address.ts";
import { subjectOf } from "../subject.ts";
import { draftToken } from "./draft.ts";
import type { IssueRequest } from "./request.ts";
import type { RequestIds } from "./request-ids.ts";
import type { IssuedToken, TokenSigner } from "./token-signer.ts";

export interface IssueTokenParts {
  readonly profiles: () => ReadonlyMap<string, Profile>;
  /** The keys of the profile and tenant. For an unknown tenant, keys that can't sign. */
  readonly keysOf: (profile: Profile, tenant: string) => TokenKeys;
  readonly signer: TokenSigner;
  readonly requestIds: RequestIds<IssuedToken>;
  readonly isRevoked: (token: RevocableToken) => boolean;
  /** Throws the {@link Problem} for which nothing may be issued now, under any profile. */
  readonly requireFit: () => void;
  /** Throws the {@link Problem} for which nothing may be issued now under a strict profile. */
  readonly requireForwarding: () => void;
  /** Counts a token that is about to be signed. Throws the {@link Problem} for which it may not be. */
  readonly meter: (caller: Caller, profile: Profile, token: LimitedToken) => void;
  /** Unix milliseconds. Never steps back. */
  readonly now: () => number;
  /** A fresh `jti`. */
  readonly newTokenId: () => string;
  /** Called for every token that was signed. */
  readonly onIssued: (profile: string) => void;
  /** Called for every refused request, except one that only validates. `profile` is "" when it is unknown. */
  readonly onDenied: (profile: string, caller: Caller, requestId: string, error: unknown) => void;
  readonly onExpressionError: OnProfileExpressionError;
}

/** Issues a token under the profile of that name. Rejects with a {@link Problem} when the request is refused. */
export type IssueToken = (profile: string, request: IssueRequest, caller: Caller) => Promise<IssuedToken>;

export function createIssueToken(parts: IssueTokenParts): IssueToken {
  const { profiles, keysOf, signer, requestIds, isRevoked, requireFit, requireForwarding, meter } = parts;
  const { now, newTokenId, onIssued, onDenied, onExpressionError } = parts;

  return async (name, request, caller) => {
    const profile = profiles().get(name);
    try {
      if (profile === undefined) throw unknownProfile(name);
      return await issue(profile, request, caller);
    } catch (error) {
      // A request that only validates asks for no token, so none was denied.
      if (!request.validateOnly) onDenied(profile === undefined ? "" : name, caller, deniedId(request), error);
      throw error;
    }
  };

  async function issue(profile: Profile, request: IssueRequest, caller: Caller): Promise<IssuedToken> {
    requireFit();
    if (profile.audit.mode === "strict") requireForwarding();
    // Drafted before the request_id is looked up: an unchecked request must not get an answer that is remembered.
    const onError = onExpressionError.bind(undefined, profile.name);
    const context = { profile, caller, now: now(), tokenId: newTokenId(), onExpressionError: onError };
    const draft = draftToken(request, context);
    const keys = keysOf(profile, draft.tenant);
    if (request.validateOnly) return signer.preview(draft, keys);
    const sign = async (): Promise<IssuedToken> => {
      meter(caller, profile, {
        clientNetwork: clientNetwork(request.clientIp),
        subject: subjectOf(draft.claims.object, profile),
      });
      const issued = await signer.sign(draft, keys, request.requestId);
      onIssued(profile.name);
      return issued;
    };
    if (request.requestId === "") return sign();
    const key = JSON.stringify([caller.name, profile.name, request.requestId]);
    const asked = { key, content: digestOf(request), size: draft.claims.text.length };
    return requestIds.once(asked, sign, (issued) => isUsable(issued, keys));
  }

  /** The `request_id`, unless it has no good form: what is refused may not have been checked. */
  function deniedId({ requestId }: IssueRequest): string {
    return requestIdFault(requestId) === undefined ? requestId : "";
  }

  /**
   * Whether a token that was issued a moment ago still verifies: a caller who repeats the request needs one that does.
   */
  function isUsable({ tokenId, keyId, draft, delivery }: IssuedToken, keys: TokenKeys): boolean {
    if (delivery?.isWithheld) return false;
    const { profile, tenant, expiresAt, claims } = draft;
    const time = now();
    if (expiresAt !== undefined && time >= expiresAt * 1000) return false;
    if (keys.verifier(keyId, time).state !== "ok") return false;
    const { iat } = claims.object;
    return !isRevoked({
      profile: profile.name,
      tenant,
      tokenId,
      subject: subjectOf(claims.object, profile),
      issuedAt: typeof iat === "number" ? iat : undefined,
    });
  }
}

/** Equal for equal requests, whatever the order of their claims. A hash, so that no claims are kept. */
function digestOf({ tenant, subject, audience, ttl, claims, clientIp }: IssueRequest): string {
  const asked = [tenant, subject, audience, ttl ? String(ttl.seconds) : null, claims ?? {}, clientIp];
  return createHash("sha256").update(sortedJson(asked)).digest("base64url");
}
