import { performance } from "node:perf_hooks";
import type { Access } from "../../access/question.ts";
import { TokenServiceService } from "../../gen/signet/v1/token.ts";
import type { RevokeTokens, WatchRevocations } from "../../revoke/revocation-service.ts";
import type { IssueToken } from "../../token/issue/issue-token.ts";
import type { VerifyForCaller } from "../../token/verify/verify-token.ts";
import type { Batching } from "../batch.ts";
import type { OnCall } from "../unary.ts";
import { encodeIssueTokenResponse, encodeVerifyTokenResponse } from "../wire/encode-response.ts";
import { issueHandlers } from "./issue.ts";
import { revokeHandlers } from "./revoke.ts";
import { verifyHandlers } from "./verify.ts";

/** What the token service does. Each method takes the name of a profile. */
export interface TokenService {
  readonly issue: IssueToken;
  readonly verify: VerifyForCaller;
  readonly revoke: RevokeTokens;
  readonly watchRevocations: WatchRevocations;
}

/** The methods of the contract's `TokenService`, with encoders that are faster than the generated ones. */
export const tokenMethods = {
  ...TokenServiceService,
  issueToken: { ...TokenServiceService.issueToken, responseSerialize: encodeIssueTokenResponse },
  verifyToken: { ...TokenServiceService.verifyToken, responseSerialize: encodeVerifyTokenResponse },
};

/**
 * Handlers of {@link tokenMethods}. An item of a batch that fails unexpectedly is reported as if it were a call of its
 * own.
 */
export function tokenHandlers(service: TokenService, access: Access, onCall: OnCall) {
  const { issue, verify, revoke, watchRevocations } = service;
  const batching = ({ path }: { readonly path: string }): Batching => ({
    now: () => performance.now(),
    onUnexpected: (cause) => onCall({ method: path.slice(1), code: "INTERNAL", seconds: 0, cause }),
  });
  return {
    ...issueHandlers(issue, access, batching(tokenMethods.issueToken)),
    ...verifyHandlers(verify, access, batching(tokenMethods.verifyToken)),
    ...revokeHandlers(revoke, watchRevocations, access),
  };
}
