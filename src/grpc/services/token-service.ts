import {
  type Revoke,
  type RevokingParts,
  revoking,
  type WatchRevocations,
  watchingRevocations,
} from "../../revoke/revocation-service.ts";
import type { Revocations } from "../../revoke/revocations.ts";
import { type Issue, type IssuingParts, issuing } from "../../token/issue/issue-token.ts";
import { type Verify, type VerifyingParts, verifying } from "../../token/verify/verify-token.ts";

/** Issuing, verifying and taking back by the name of a profile. */
export interface TokenService {
  readonly issue: Issue;
  readonly verify: Verify;
  readonly revoke: Revoke;
  readonly watchRevocations: WatchRevocations;
}

export function tokenService(
  parts: IssuingParts & VerifyingParts & RevokingParts & { readonly revocations: Revocations },
): TokenService {
  return {
    issue: issuing(parts),
    verify: verifying(parts),
    revoke: revoking(parts),
    watchRevocations: watchingRevocations(parts.profiles, parts.revocations),
  };
}
