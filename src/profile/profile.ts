import type { Check } from "../config/schema.ts";
import type { Algorithm } from "../keyring/record.ts";

/** Where the value of a signed claim comes from. */
export type ClaimSource = "issuer" | "subject" | "audience" | "caller" | "issued_at" | "expires_at" | "token_id";

/** One entry of a profile's `claims`, in signing order. `rest` stands for what the request object holds, by sorted name. */
export type ClaimRule =
  | { readonly name: string; readonly from: ClaimSource }
  | { readonly name: string; readonly value: string | number | boolean }
  | { readonly rest: "request" };

/** A named kind of token, validated: what the file of the profile says, with nothing left to check. */
export interface Profile {
  readonly name: string;
  readonly description: string;
  /** SHA-256 of the file's text, base64url: two replicas with the same profile have the same. */
  readonly digest: string;
  /** `iss` of every token. */
  readonly issuer: string;
  readonly header: { readonly typ: string | undefined };
  readonly keyset: string;
  readonly algorithm: Algorithm;
  /** Whole seconds. */
  readonly lifetime: { readonly default: number; readonly min: number; readonly max: number; readonly leeway: number };
  readonly claims: readonly ClaimRule[];
  /** The names that the profile signs itself: a caller never sets one of them. */
  readonly ownNames: ReadonlySet<string>;
  /** Whether the profile takes its `sub` and its `aud` from the generic fields of the request. */
  readonly takes: { readonly subject: boolean; readonly audience: boolean };
  /** Checks the request object. */
  readonly request: Check;
  /** Checks the claims of a token that is shown. */
  readonly accept: Check;
}
