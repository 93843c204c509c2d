import type { Profile } from "../profile/model/profile.ts";
import type { ExpressionFailure } from "../profile/model/rules.ts";

/** Something that is allowed but deserves attention. */
export interface Warning {
  /** Upper case: one of the service's own, or one that a profile defines. */
  readonly code: string;
  readonly message: string;
}

/** The token never expires, unless its verifier limits its age. */
export const NO_EXPIRY: Warning = { code: "NO_EXPIRY", message: "the token has no exp" };

/** The client is outside the network of the token's address, and the profile only warns about that. */
export const IP_MISMATCH: Warning = { code: "IP_MISMATCH", message: "the client's address is not the token's" };

/** The answer is not about now: the token's times were compared with the request's `at`. */
export const JUDGED_AT: Warning = {
  code: "JUDGED_AT",
  message: "the token's times were compared with `at`, not with the current time",
};

/**
 * The warnings of a request to issue: those of the profile's own expressions, and one for a token without an `exp`.
 * `onError` is called with the code of each warning whose expression fails.
 */
export function issueWarnings(
  { warnings }: Profile,
  claims: Readonly<Record<string, unknown>>,
  expiresAt: number | undefined,
  onError: (code: string, failure: ExpressionFailure) => void,
): readonly Warning[] {
  const own = warnings.flatMap(({ code, message, applies }) => {
    const found = applies(claims);
    if (typeof found === "object") onError(code, found);
    return found === true ? [{ code, message }] : [];
  });
  return expiresAt === undefined ? [...own, NO_EXPIRY] : own;
}
