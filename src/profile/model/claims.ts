import type { ExpressionFailure } from "./rules.ts";

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

/**
 * One entry of a profile's `claims`, in signing order. `rest` stands for the members of the request object that nothing
 * else uses, sorted by name. `minus` is a duration before the source's time. With `order: schema` the members of
 * objects have the order of the schema: that of the request, or for an expression that of `accept`.
 */
export type ClaimRule = { readonly order?: "schema" } & (
  | { readonly name: string; readonly from: ClaimSource; readonly minus?: string }
  | { readonly name: string; readonly value: string | number | boolean }
  | { readonly name: string; readonly cel: string }
  | { readonly rest: "request" }
);

/** The values of one token; undefined values are not signed. Times in Unix seconds. */
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

/** The claims of one token: the JSON text to sign, and an object for the response. */
export interface SignedClaims {
  readonly text: string;
  readonly object: Record<string, unknown>;
}

/**
 * Maps a request to the claims that are signed. The top level keeps the profile's order. The caller's values are sorted
 * by name on every level, or follow the schema: the order of a protobuf map is arbitrary and must not affect the signed
 * bytes. A claim whose source is absent or null is not signed.
 */
export type MapClaims = (values: ClaimValues, request: Readonly<Record<string, unknown>>) => SignedClaims;

/** The expression of a claim failed for this request. */
export class ClaimExpressionError extends Error {
  /** The name of the claim. */
  readonly claim: string;
  readonly failure: ExpressionFailure;
  constructor(claim: string, failure: ExpressionFailure) {
    super(`the expression of the claim ${claim} fails for this request`);
    this.name = "ClaimExpressionError";
    this.claim = claim;
    this.failure = failure;
  }
}
