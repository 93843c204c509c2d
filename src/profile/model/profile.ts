import type { KeysetAlgorithm, SecretEncoding } from "../../keys/model.ts";
import type { Check } from "../../schema/schema.ts";
import type { ClaimRule, MapClaims } from "./claims.ts";
import type { CarrierRule, Surfaces } from "./delivery.ts";
import type { Rule, WarningRule } from "./rules.ts";

/** Where the keys of a profile come from. `encoding` is how the vendor's own libraries read the text of a secret. */
export type ProfileKeys =
  | { readonly kind: "keyset"; readonly keyset: string; readonly algorithm: KeysetAlgorithm }
  | { readonly kind: "imported"; readonly algorithm: "HS256"; readonly encoding: SecretEncoding };

/** How long the tokens of a profile live. All in whole seconds. */
export interface ProfileLifetime {
  /** required: signed and demanded. optional: signed where the request gives a ttl. absent: never signed. */
  readonly exp: "required" | "optional" | "absent";
  /** Undefined when `exp` is not required: without a ttl there is no exp. */
  readonly default: number | undefined;
  readonly min: number;
  readonly max: number;
  /** A longer life that a member of the request object wishes explicitly by being `true`. */
  readonly extended: { readonly by: string; readonly max: number } | undefined;
  /** The member of the request object that holds the ttl in seconds; the generic `ttl` is then refused. */
  readonly ttlFrom: string | undefined;
  /** How long after `iat` a token is accepted. `iat` is then required. */
  readonly maxAge: number | undefined;
  /** How long after `exp` a token is accepted still. */
  readonly leeway: number;
  /** How far `iat` and `nbf` may lie in the future: two replicas' clocks may differ by this much. */
  readonly skew: number;
}

/** A named kind of token, validated: what the file of the profile says, with nothing left to check. */
export interface Profile {
  readonly name: string;
  readonly description: string;
  /** SHA-256 of the file's text, base64url: two replicas with the same profile have the same. */
  readonly digest: string;
  /** `iss` of every token; undefined when the dialect has none, and none is then checked. */
  readonly issuer: string | undefined;
  /** Undefined when the profile has no tenants. `claim` holds the tenant in a token, where one does. */
  readonly tenant: { readonly claim: string | undefined } | undefined;
  /** `kid` absent: all keys of the profile and tenant are tried. */
  readonly header: { readonly typ: string | undefined; readonly kid: "required" | "absent" };
  readonly keys: ProfileKeys;
  readonly lifetime: ProfileLifetime;
  /** What is signed, in this order. */
  readonly claims: readonly ClaimRule[];
  /** Maps the values of one token to what is signed. */
  readonly mapClaims: MapClaims;
  /** The names of the request object that a caller never sets: where its members become claims by their own names. */
  readonly reservedNames: ReadonlySet<string>;
  /** The claim that names whom a token speaks for. */
  readonly subjectClaim: string;
  /** Which generic fields of the request the profile takes; it refuses the others. */
  readonly takes: { readonly subject: boolean; readonly audience: boolean; readonly clientIp: boolean };
  /** Whether the tokens have an `aud`: verifying then demands an audience. */
  readonly hasAudience: boolean;
  /** Checks the request object. */
  readonly request: Check;
  /** Checks the claims of a token that is shown, with its aliases resolved. */
  readonly accept: Check;
  /** Checks the context; undefined when the profile takes none. */
  readonly context: Check | undefined;
  /** Other names under which a claim is accepted. */
  readonly aliases: readonly { readonly claim: string; readonly names: readonly string[] }[];
  readonly rules: readonly Rule[];
  readonly warnings: readonly WarningRule[];
  /** The client's address: `claim` of the token against `ip` of the context. Prefix lengths in bits. */
  readonly ip:
    | { readonly mode: "warn" | "enforce"; readonly claim: string; readonly prefix: { v4: number; v6: number } }
    | undefined;
  readonly carriers: readonly CarrierRule[];
  /** The longest token that every carrier can hold, in characters. */
  readonly maxTokenLength: number;
  readonly surfaces: Surfaces;
  readonly quarantine: { readonly deadlineSeconds: number; readonly maxFailures: number } | undefined;
  /** The three schemas as they stand in the file, to show. */
  readonly schemas: { readonly request: object; readonly accept: object; readonly context: object | undefined };
}

/** How long after its `iat` the last token of a profile may be accepted, in seconds, beside the leeway. */
export function longestLifetime({ max, extended, exp, maxAge }: ProfileLifetime): number {
  return Math.max(extended?.max ?? max, exp === "required" ? 0 : (maxAge ?? 0));
}
