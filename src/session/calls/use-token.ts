import type { UseUp } from "../../one-time/use-up.ts";
import { consumes } from "../../token/verify/request.ts";
import type { SessionParts } from "../parts.ts";

/** Uses tokens up for sessions. For the same session it is no second use, for as long as the token is valid. */
export function createUseForSession(useUp: UseUp): SessionParts["consume"] {
  return async (verification, { profile, verdict }, sessionId) => {
    if (!verdict.valid || !consumes(verification, profile)) return undefined;
    const { tokenId, issuedAt, expiresAt } = verdict;
    const token = { profile, tenant: verification.tenant, tokenId, issuedAt, expiresAt };
    return useUp(token, { by: sessionId, repeatMs: Infinity });
  };
}
