import type {
  BatchIssueTokensRequest,
  BatchIssueTokensResponse,
  IssueTokenRequest,
  IssueTokenResponse,
} from "../gen/signet/v1/token.ts";
import type { IssuedToken } from "../token/issue.ts";
import type { Issue } from "../token/issuing.ts";
import { batch } from "./batch.ts";
import { timestampDate } from "./timestamp-date.ts";

/** The handlers of issuing. `unexpected` is told of the cause of every item that failed as "internal error". */
export function issueHandlers(issue: Issue, unexpected: (cause: unknown) => void) {
  const issueToken = async (request: IssueTokenRequest, caller: string): Promise<IssueTokenResponse> =>
    issueResponse(await issue(request.profile, request, caller));
  return {
    issueToken,
    async batchIssueTokens({ items }: BatchIssueTokensRequest, caller: string): Promise<BatchIssueTokensResponse> {
      const serve = (item: IssueTokenRequest) => issueToken(item, caller);
      // Signed in one turn: what the audit log is given in one turn, one group commit makes durable.
      return { results: await batch(items, { serve, inOneTurn: items.length, unexpected }) };
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
    issuedAt: timestampDate(issuedAt),
    expiresAt: timestampDate(expiresAt),
    refreshAfter: timestampDate(refreshAfter),
    claims: claims.object,
    warnings: [...warnings],
  };
}
