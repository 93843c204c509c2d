import type { Access } from "../../access/question.ts";
import type { Caller } from "../../caller.ts";
import type {
  BatchIssueTokensRequest,
  BatchIssueTokensResponse,
  IssueTokenRequest,
  IssueTokenResponse,
} from "../../gen/signet/v1/token.ts";
import type { Delivery } from "../../token/issue/delivery.ts";
import type { IssueToken } from "../../token/issue/issue-token.ts";
import type { IssuedToken } from "../../token/issue/token-signer.ts";
import { type Batching, batch } from "../batch.ts";
import { issueQuestion } from "../questions.ts";
import type { ServedCall } from "../unary.ts";
import { optionalDuration, timestampOfSeconds } from "../wire/times.ts";

/**
 * Enough for a hundred EdDSA or ES256 signatures, in milliseconds. The audit events of one turn become durable in one
 * group commit.
 */
const FIRST_TURN_MS = 10;

/** Handlers of the methods that issue. */
export function issueHandlers(issue: IssueToken, access: Access, batching: Batching) {
  return {
    async issueToken(request: IssueTokenRequest, caller: Caller, call: ServedCall): Promise<IssueTokenResponse> {
      access.admit(caller, issueQuestion(request));
      const issued = await issue(request.profile, request, caller);
      if (issued.delivery !== undefined) {
        issued.delivery.begin();
        await issued.delivery.end(call.cancelled);
      }
      return issueResponse(issued);
    },
    async batchIssueTokens(
      { items }: BatchIssueTokensRequest,
      caller: Caller,
      call: ServedCall,
    ): Promise<BatchIssueTokensResponse> {
      // An item that is ready waits for the others, and leaves only with them.
      const deliveries: Delivery[] = [];
      const serve = async (item: IssueTokenRequest) => {
        access.admit(caller, issueQuestion(item));
        const issued = await issue(item.profile, item, caller);
        issued.delivery?.begin();
        if (issued.delivery !== undefined) deliveries.push(issued.delivery);
        return issueResponse(issued);
      };
      const admitMalformed = () => access.admitMalformed(caller, "IssueToken");
      const results = await batch(items, { serve, admitMalformed, firstTurnMs: FIRST_TURN_MS, ...batching });
      if (deliveries.length > 0) await Promise.all(deliveries.map((delivery) => delivery.end(call.cancelled)));
      return { results };
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
    sessionMax: optionalDuration(profile.lifetime.sessionMax),
    idleMax: optionalDuration(profile.lifetime.idleMax),
  };
}
