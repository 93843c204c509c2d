/** Where the value of a signed claim comes from; `request.a.b` is a member of the request object. */
export type ClaimSource =
  | "issuer"
  | "subject"
  | "audience"
  | "caller"
  | "tenant"
  | "client_ip"
  | "issued_at"
  | "expires_at"
  | "token_id"
  | `request.${string}`;

/** One entry of a profile's `claims`, in signing order. `rest` stands for what of the request object nothing else takes, by sorted name. */
export type ClaimRule =
  | { readonly name: string; readonly from: ClaimSource }
  | { readonly name: string; readonly value: string | number | boolean }
  | { readonly name: string; readonly cel: string }
  | { readonly rest: "request" };

/** The values of one token. What is undefined is not signed. Times in Unix seconds. */
export interface ClaimValues {
  readonly issuer: string | undefined;
  readonly subject: string | undefined;
  readonly audience: string | readonly string[] | undefined;
  readonly caller: string;
  readonly tenant: string | undefined;
  readonly client_ip: string | undefined;
  readonly issued_at: number;
  readonly expires_at: number | undefined;
  readonly token_id: string;
}

/** The claims of one token: as the JSON text that is signed, and as an object for the answer. */
export interface SignedClaims {
  readonly text: string;
  readonly object: Record<string, unknown>;
}

/**
 * Maps a request to the claims that are signed. The top level keeps the profile's order; what a caller brought is sorted
 * by name on every level, because the order of a protobuf map's entries means nothing and must not show in the signature.
 * A claim whose source is absent, or null at its top, is not signed.
 */
export type MapClaims = (values: ClaimValues, request: Readonly<Record<string, unknown>>) => SignedClaims;

/** A claim that can't be computed from this request: its expression failed. The cause may hold values; the message does not. */
export class ClaimExpressionError extends Error {
  /** The name of the claim. */
  readonly claim: string;
  constructor(claim: string, cause: Error) {
    super(`the expression of the claim ${claim} fails for this request`, { cause });
    this.name = "ClaimExpressionError";
    this.claim = claim;
  }
}
