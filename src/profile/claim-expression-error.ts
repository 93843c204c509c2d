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
