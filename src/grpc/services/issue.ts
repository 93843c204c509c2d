import type {
  BatchIssueTokensRequest,
  BatchIssueTokensResponse,
  IssueTokenRequest,
  IssueTokenResponse,
} from "../../gen/signet/v1/token.ts";
import type { IssueToken } from "../../token/issue/issue-token.ts";
import type { IssuedToken } from "../../token/issue/token-signer.ts";
import { type Batching, batch } from "../batch.ts";
import { timestampOfSeconds } from "../wire/times.ts";

/**
 * Enough for a hundred EdDSA or ES256 signatures, in milliseconds. The audit events of one turn become durable in one
 * group commit.
 */
const FIRST_TURN_MS = 10;

/** Handlers of the methods that issue. */
export function issueHandlers(issue: IssueToken, batching: Batching) {
  const issueToken = async (request: IssueTokenRequest, caller: string): Promise<IssueTokenResponse> =>
    issueResponse(await issue(request.profile, request, caller));
  return {
    issueToken,
    async batchIssueTokens({ items }: BatchIssueTokensRequest, caller: string): Promise<BatchIssueTokensResponse> {
      const serve = (item: IssueTokenRequest) => issueToken(item, caller);
      return { results: await batch(items, { serve, firstTurnMs: FIRST_TURN_MS, ...batching }) };
    },
  };
}

function issueResponse({ token, tokenId, keyId, draft }: IssuedToken): IssueTokenResponse {
  const { profile, issuedAt, expiresAt, claims, warnings } = draft;
  const refreshAfter = expiresAt === undefined ? undefined : issuedAt + Math.floor((expiresAt - issuedAt) * 0.8);
  return {
    token,
    tokenId,
    keyId,
    profile: profile.name,
    issuedAt: timestampOfSeconds(issuedAt),
    expiresAt: timestampOfSeconds(expiresAt),
    refreshAfter: timestampOfSeconds(refreshAfter),
    claims: claims.object,
    warnings: [...warnings],
  };
}
