import { type Issue, type IssuingParts, issuing } from "./issuing.ts";
import { type Verify, type VerifyingParts, verifying } from "./verifying.ts";

/** Issuing and verifying by the name of a profile. */
export interface TokenService {
  readonly issue: Issue;
  readonly verify: Verify;
}

export function tokenService(parts: IssuingParts & VerifyingParts): TokenService {
  return { issue: issuing(parts), verify: verifying(parts) };
}
