import {
  type BatchVerifyTokensRequest,
  type Rejection,
  rejectionReasonFromJSON,
  type VerifyTokenRequest,
  type VerifyTokenResponse,
} from "../../gen/signet/v1/token.ts";
import type { Surface } from "../../profile/model/delivery.ts";
import type { Rejection as RejectionOfToken } from "../../token/rejection.ts";
import type { VerifyAnswer, VerifyToken } from "../../token/verify/verify-token.ts";
import { type Batching, batch } from "../batch.ts";
import { durationOfMs, timestampOfSeconds } from "../wire/times.ts";

/** Handlers of the methods that verify. */
export function verifyHandlers(verify: VerifyToken, batching: Batching) {
  const verifyToken = (request: VerifyTokenRequest): VerifyTokenResponse | Promise<VerifyTokenResponse> => {
    const answer = verify(request);
    return answer instanceof Promise ? answer.then(verifyResponse) : verifyResponse(answer);
  };
  return {
    verifyToken,
    batchVerifyTokens: async ({ items }: BatchVerifyTokensRequest) => ({
      results: await batch(items, { serve: verifyToken, ...batching }),
    }),
  };
}

function verifyResponse(answer: VerifyAnswer): VerifyTokenResponse {
  const { profile, epoch, verdict, warnings, revocationViewAgeMs, framed } = answer;
  const known = verdict.valid ? verdict : verdict.identified;
  const { acceptedFrame, byReason, other } = profile.surfaces;
  return {
    valid: verdict.valid,
    rejection: verdict.valid
      ? undefined
      : rejectionMessage(verdict.rejection, byReason.get(verdict.rejection.reason) ?? other, framed),
    claims: verdict.valid ? verdict.claims : undefined,
    tokenId: known?.tokenId ?? "",
    subject: verdict.valid ? (verdict.subject ?? "") : "",
    profile: profile.name,
    keyId: known?.keyId ?? "",
    issuedAt: verdict.valid ? timestampOfSeconds(verdict.issuedAt) : undefined,
    expiresAt: timestampOfSeconds(known?.expiresAt),
    warnings: [...warnings],
    diagnosis: verdict.valid ? "" : (verdict.rejection.diagnosis ?? ""),
    keyringGeneration: BigInt(epoch),
    revocationViewAge: durationOfMs(revocationViewAgeMs),
    frame: verdict.valid && framed ? (acceptedFrame ?? "") : "",
  };
}

function rejectionMessage({ reason, message }: RejectionOfToken, surface: Surface, framed: boolean): Rejection {
  return {
    reason: rejectionReasonFromJSON(`REJECTION_REASON_${reason}`),
    message,
    httpStatus: surface.httpStatus ?? 0,
    wwwAuthenticate: surface.wwwAuthenticate ?? "",
    websocketCloseCode: surface.closeCode ?? 0,
    frame: framed ? (surface.frame(message) ?? "") : "",
    websocketCloseReason: surface.closeReason ?? "",
  };
}
