import type { TokenTypes } from "./model/profile.ts";

/** Says no more than no `typ` at all. */
const UNTYPED = "application/jwt";

/**
 * The `typ` with which tokens are accepted: that of the profile, and others that its file lists.
 *
 * A vendor's libraries write JWT, or nothing (RFC 7519, 5.1), and say the same: for `imported` keys one stands for the
 * other. The tokens of a rotating keyset have exactly the `typ` that Signet writes, which keeps apart the profiles that
 * share an issuer. So does an explicit type (RFC 8725, 3.11).
 */
export function createTokenTypes(typ: string | undefined, others: readonly string[], imported: boolean): TokenTypes {
  const accepted = new Set(
    imported ? withUntyped([typ ?? UNTYPED, ...others].map(mediaType)) : [typ && mediaType(typ)],
  );
  return {
    accepts: (presented) =>
      presented === typ || accepted.has(presented === undefined ? undefined : mediaType(presented)),
    accepted: [...accepted].map((one) => one?.replace(/^application\/(?=[^/]*$)/, "")),
  };
}

function withUntyped(types: readonly string[]): readonly (string | undefined)[] {
  return types.includes(UNTYPED) ? [...types, undefined] : types;
}

/** RFC 7515, 4.1.9: case does not count, and a value without a slash stands for itself behind `application/`. */
export function mediaType(typ: string): string {
  const lower = typ.toLowerCase();
  return lower.includes("/") ? lower : `application/${lower}`;
}
