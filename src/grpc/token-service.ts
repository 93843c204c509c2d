import type {
  IssueTokenRequest,
  IssueTokenResponse,
  VerifyTokenRequest,
  VerifyTokenResponse,
} from "../gen/signet/v1/token.ts";
import { rejectionReasonFromJSON, TokenServiceService } from "../gen/signet/v1/token.ts";
import type { IssuedToken } from "../token/issue.ts";
import type { TokenService, VerifyAnswer } from "../token/service.ts";
import { encodeIssueTokenResponse, encodeVerifyTokenResponse } from "./encode-response.ts";

/** The methods of `TokenService`, with encoders that are faster than the generated ones. */
export const tokenMethods = {
  issueToken: { ...TokenServiceService.issueToken, responseSerialize: encodeIssueTokenResponse },
  verifyToken: { ...TokenServiceService.verifyToken, responseSerialize: encodeVerifyTokenResponse },
};

/** Their handlers. */
export function tokenHandlers(service: TokenService) {
  return {
    issueToken: async (request: IssueTokenRequest, caller: string): Promise<IssueTokenResponse> =>
      issueResponse(await service.issue(request.profile, request, caller)),

    verifyToken: ({ profile, credential, audience }: VerifyTokenRequest) => {
      const answer = service.verify({ profile, token: credential?.value, audience });
      return answer instanceof Promise ? answer.then(verifyResponse) : verifyResponse(answer);
    },
  };
}

function issueResponse({ token, keyId, draft }: IssuedToken): IssueTokenResponse {
  const { issuedAt, expiresAt } = draft;
  return {
    token,
    tokenId: draft.tokenId,
    keyId,
    profile: draft.profile.name,
    issuedAt: date(issuedAt),
    expiresAt: date(expiresAt),
    refreshAfter: date(issuedAt + Math.floor((expiresAt - issuedAt) * 0.8)),
    claims: draft.claims.object,
  };
}

function verifyResponse({ profile, epoch, verdict }: VerifyAnswer): VerifyTokenResponse {
  const known = verdict.valid ? verdict : verdict.identified;
  return {
    valid: verdict.valid,
    rejection: verdict.valid
      ? undefined
      : {
          reason: rejectionReasonFromJSON(`REJECTION_REASON_${verdict.rejection.reason}`),
          message: verdict.rejection.message,
        },
    claims: verdict.valid ? verdict.claims : undefined,
    tokenId: known?.tokenId ?? "",
    subject: verdict.valid ? (verdict.subject ?? "") : "",
    profile,
    keyId: known?.keyId ?? "",
    issuedAt: verdict.valid ? date(verdict.issuedAt) : undefined,
    expiresAt: date(known?.expiresAt),
    keyringGeneration: BigInt(epoch),
  };
}

/** Unix seconds as a date; beyond what a Timestamp can hold (the year 9999) it is left out. */
function date(seconds: number): Date;
function date(seconds: number | undefined): Date | undefined;
function date(seconds: number | undefined): Date | undefined {
  return seconds === undefined || seconds > 253_402_300_799 ? undefined : new Date(seconds * 1000);
}
