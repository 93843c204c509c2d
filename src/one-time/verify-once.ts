import { createHash } from "node:crypto";
import type { Caller } from "../caller.ts";
import { sortedJson } from "../profile/canonical-json.ts";
import type { RejectionReason } from "../profile/model/rules.ts";
import { type Credential, consumes, type VerifyRequest } from "../token/verify/request.ts";
import type { VerifyAnswer, VerifyForCaller, VerifyToken } from "../token/verify/verify-token.ts";
import type { NamedToken } from "./use.ts";
import type { User, UseUp } from "./use-up.ts";

/** How long a caller may repeat a request, in milliseconds. */
const REPEAT_MS = 120_000;

/**
 * Verifies, and uses the token up if the request or the profile says so: as the last check, so that nothing but a valid
 * token is used up. Answers in the same turn, and makes nothing more, where it does not.
 */
export function createVerifyOnce(verify: VerifyToken, useUp: UseUp): VerifyForCaller {
  return (request, caller) => {
    const answer = verify(request);
    return answer instanceof Promise
      ? answer.then((later) => settle(later, request, caller))
      : settle(answer, request, caller);
  };

  function settle(answer: VerifyAnswer, request: VerifyRequest, caller: Caller): VerifyAnswer | Promise<VerifyAnswer> {
    if (!consumes(request, answer.profile)) return answer;
    return answer.verdict.valid ? use(answer, request, caller) : repeat(answer, request, caller);
  }

  async function use(answer: VerifyAnswer, request: VerifyRequest, caller: Caller): Promise<VerifyAnswer> {
    const { profile, verdict } = answer;
    if (!verdict.valid) return answer;
    const { keyId, tokenId, issuedAt, expiresAt } = verdict;
    const token = { profile, tenant: request.tenant, tokenId, issuedAt, expiresAt };
    const rejection = await useUp(token, userOf(request, caller));
    if (rejection === undefined) return answer;
    return { ...answer, verdict: { valid: false, rejection, identified: { keyId, tokenId, expiresAt } }, warnings: [] };
  }

  /** A token that has ended since the request was first answered is still valid in the answer to its repetition. */
  async function repeat(answer: VerifyAnswer, request: VerifyRequest, caller: Caller): Promise<VerifyAnswer> {
    const token = endedToken(answer);
    const user = userOf(request, caller);
    if (token === undefined || user.by === "") return answer;
    const answeredAt = await useUp.usedAt({ ...token, tenant: request.tenant }, user);
    return answeredAt === undefined ? answer : verify({ ...request, answeredAt });
  }
}

const ENDED: readonly RejectionReason[] = ["EXPIRED", "TOO_OLD"];

function endedToken({ profile, verdict }: VerifyAnswer): Omit<NamedToken, "tenant"> | undefined {
  if (verdict.valid || verdict.identified === undefined || !ENDED.includes(verdict.rejection.reason)) return undefined;
  return { profile, tokenId: verdict.identified.tokenId };
}

/** The same for the same caller, id and request. A hash, so that neither token nor context is stored. */
function userOf(request: VerifyRequest, caller: Caller): User {
  const { requestId = "", profile, tenant, audience, context = {}, credential, consume = false } = request;
  if (requestId === "") return { by: "", repeatMs: 0 };
  const asked = [caller.name, requestId, profile, tenant, audience, context, consume, shownIn(credential)];
  return { by: createHash("sha256").update(sortedJson(asked)).digest("base64url"), repeatMs: REPEAT_MS };
}

/** The credential as a JSON value. */
function shownIn(credential: Credential | undefined): unknown {
  if (credential?.$case !== "carrier") return credential?.value ?? "";
  return { ...credential.value, frame: Buffer.from(credential.value.frame).toString("base64") };
}
