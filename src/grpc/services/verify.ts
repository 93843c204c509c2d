import type { Access } from "../../access/question.ts";
import type { Caller } from "../../caller.ts";
import type { BatchVerifyTokensRequest, VerifyTokenRequest, VerifyTokenResponse } from "../../gen/signet/v1/token.ts";
import type { Verdict } from "../../token/verify/verify.ts";
import type { VerifyAnswer, VerifyForCaller } from "../../token/verify/verify-token.ts";
import { type Batching, batch } from "../batch.ts";
import { verifyQuestion } from "../questions.ts";
import { rejectionMessage } from "../wire/rejection.ts";
import { durationOfMs, optionalDuration, timestampOfSeconds } from "../wire/times.ts";

/** Handlers of the methods that verify. */
export function verifyHandlers(verify: VerifyForCaller, access: Access, batching: Batching) {
  const verifyToken = (
    request: VerifyTokenRequest,
    caller: Caller,
  ): VerifyTokenResponse | Promise<VerifyTokenResponse> => {
    const question = verifyQuestion(request);
    access.admit(caller, question);
    const maySeeDiagnosis = () => access.allows(caller, { ...question, needs: ["diagnosis"] });
    const answer = verify(request, caller);
    if (answer instanceof Promise) return answer.then((later) => verifyResponse(later, maySeeDiagnosis));
    return verifyResponse(answer, maySeeDiagnosis);
  };
  return {
    verifyToken,
    async batchVerifyTokens({ items }: BatchVerifyTokensRequest, caller: Caller) {
      const serve = (item: VerifyTokenRequest) => verifyToken(item, caller);
      const admitMalformed = () => access.admitMalformed(caller, "VerifyToken");
      return { results: await batch(items, { serve, admitMalformed, ...batching }) };
    },
  };
}

export function verifyResponse(answer: VerifyAnswer, maySeeDiagnosis: () => boolean): VerifyTokenResponse {
  const { profile, epoch, verdict, warnings, sessionDeadline, revocationViewAgeMs, framed } = answer;
  const known = verdict.valid ? verdict : verdict.identified;
  return {
    valid: verdict.valid,
    rejection: verdict.valid ? undefined : rejectionMessage(verdict.rejection, profile, framed),
    claims: verdict.valid ? verdict.claims : undefined,
    tokenId: known?.tokenId ?? "",
    subject: verdict.valid ? (verdict.subject ?? "") : "",
    profile: profile.name,
    keyId: known?.keyId ?? "",
    issuedAt: verdict.valid ? timestampOfSeconds(verdict.issuedAt) : undefined,
    expiresAt: timestampOfSeconds(known?.expiresAt),
    sessionDeadline: verdict.valid ? timestampOfSeconds(sessionDeadline) : undefined,
    warnings: [...warnings],
    diagnosis: diagnosisOf(verdict, maySeeDiagnosis),
    keyringGeneration: BigInt(epoch),
    revocationViewAge: durationOfMs(revocationViewAgeMs),
    frame: verdict.valid && framed ? (profile.surfaces.acceptedFrame ?? "") : "",
    idleMax: verdict.valid ? optionalDuration(profile.lifetime.idleMax) : undefined,
  };
}

/** Whether the caller may see it is asked only where there is one. */
function diagnosisOf(verdict: Verdict, maySee: () => boolean): string {
  const diagnosis = verdict.valid ? undefined : verdict.rejection.diagnosis;
  return diagnosis === undefined || !maySee() ? "" : diagnosis;
}
