import type { Profile } from "../profile/model/profile.ts";

/** What is allowed, and worth a second look. */
export interface Warning {
  /** In upper case: one of the service's own, or one that a profile defines. */
  readonly code: string;
  readonly message: string;
}

/** For a token that ends only where its verifier limits the age. */
export const NO_EXPIRY: Warning = { code: "NO_EXPIRY", message: "the token has no exp" };

/** For a client that uses a token from elsewhere, where its profile only warns of that. */
export const IP_MISMATCH: Warning = { code: "IP_MISMATCH", message: "the client's address is not the token's" };

/**
 * What a request to issue is warned of: what the profile's own expressions find, and a token without an end. `onExpressionError` is
 * told the code of each warning whose expression can't tell.
 */
export function issueWarnings(
  { warnings }: Profile,
  claims: Readonly<Record<string, unknown>>,
  expiresAt: number | undefined,
  onExpressionError: (code: string) => void,
): readonly Warning[] {
  const own = warnings.flatMap(({ code, message, applies }) => {
    const found = applies(claims);
    if (found === undefined) onExpressionError(code);
    return found === true ? [{ code, message }] : [];
  });
  return expiresAt === undefined ? [...own, NO_EXPIRY] : own;
}
