import type { Algorithm, KeysetAlgorithm, SecretEncoding } from "../../keys/model.ts";
import type { RateLimit } from "../../schema/rate-limit.ts";
import type { Check } from "../../schema/schema.ts";
import type { ProfileAudit } from "./audit.ts";
import type { ClaimRule, MapClaims } from "./claims.ts";
import type { CarrierRule, Surfaces } from "./delivery.ts";
import type { Rule, WarningRule } from "./rules.ts";
import type { SessionRule } from "./sessions.ts";

/**
 * Where the keys of a profile come from. An imported key has one of `algorithms`, of which there is at least one.
 * `encoding` is how the vendor's libraries decode the text of a secret; undefined where all keys are private keys.
 */
export type ProfileKeys =
  | { readonly kind: "keyset"; readonly keyset: string; readonly algorithm: KeysetAlgorithm }
  | {
      readonly kind: "imported";
      readonly algorithms: readonly Algorithm[];
      readonly encoding: SecretEncoding | undefined;
    };

/** The lifetime of a profile's tokens, in whole seconds. */
export interface ProfileLifetime {
  /** required: signed, and required in verifying. optional: signed if the request has a ttl. absent: never signed. */
  readonly exp: "required" | "optional" | "absent";
  /** Undefined when `exp` is not required: without a ttl there is no exp. */
  readonly default: number | undefined;
  readonly min: number;
  readonly max: number;
  /** A longer maximum that applies when the member `by` of the request object is `true`. */
  readonly extended: { readonly by: string; readonly max: number } | undefined;
  /** The member of the request object that contains the ttl in seconds; the generic `ttl` is then not allowed. */
  readonly ttlFrom: string | undefined;
  /** How long after `iat` a token is accepted; `iat` is then required. */
  readonly maxAge: number | undefined;
  /** How long after `exp` a token is still accepted. */
  readonly leeway: number;
  /** How far `iat` and `nbf` may be in the future: the clocks of two replicas may differ by this much. */
  readonly skew: number;
  /** How long a connection that was opened with a token may live; undefined: any time. */
  readonly sessionMax: number | undefined;
  /** How long such a connection may be idle; undefined: any time. */
  readonly idleMax: number | undefined;
}

/** The `typ` of presented tokens; undefined stands for none. */
export interface TokenTypes {
  accepts(typ: string | undefined): boolean;
  /** For display: in lower case, and without `application/`. */
  readonly accepted: readonly (string | undefined)[];
}

/** A named kind of token, compiled and validated: nothing in it is left to check. */
export interface Profile {
  readonly name: string;
  readonly description: string;
  /** SHA-256 of the file's text, base64url: replicas with the same file have the same digest. */
  readonly digest: string;
  /** The `aud` of its tokens, which prove callers of Signet itself; undefined: they prove none. */
  readonly credential: { readonly audience: string } | undefined;
  /** `iss` of every token; undefined when the dialect has none, which is then not checked, or when it is the tenant. */
  readonly issuer: string | undefined;
  /** Whether the tenant is the `iss`. */
  readonly tenantIsIssuer: boolean;
  /** Undefined when the profile has no tenants. `claim` is the claim with the tenant, if tokens have one. */
  readonly tenant: { readonly claim: string | undefined } | undefined;
  /**
   * `typ` is signed, `types` are accepted. `kid` absent: verifying tries all keys of the profile and tenant.
   * `parameters`: further ones, the same in every token; undefined: none.
   */
  readonly header: {
    readonly typ: string | undefined;
    readonly types: TokenTypes;
    readonly kid: "required" | "absent";
    readonly parameters: Readonly<Record<string, string | number | boolean>> | undefined;
  };
  readonly keys: ProfileKeys;
  readonly lifetime: ProfileLifetime;
  /** Undefined: no sessions can be opened with its tokens. */
  readonly sessions: SessionRule | undefined;
  /** Whether each verification uses the token up. */
  readonly oneTime: boolean;
  /** What audit events say of its tokens. */
  readonly audit: ProfileAudit;
  /** In signing order. */
  readonly claims: readonly ClaimRule[];
  readonly mapClaims: MapClaims;
  /** Names that a caller may not use in the request object; empty unless `rest` makes its members claims. */
  readonly reservedNames: ReadonlySet<string>;
  /** The claim that identifies the token's subject. */
  readonly subjectClaim: string;
  /** Whether that claim may be the empty text: the token then has no subject. */
  readonly emptySubject: boolean;
  /** Which generic fields a request may set. */
  readonly takes: { readonly subject: boolean; readonly audience: boolean; readonly clientIp: boolean };
  /** Whether the tokens have an `aud`: a request to verify must then name an audience. */
  readonly hasAudience: boolean;
  /** Checks the request object. */
  readonly request: Check;
  /** Checks the claims of each token that is issued or verified, with aliases resolved. */
  readonly accept: Check;
  /** Checks the context; undefined when the profile has none. */
  readonly context: Check | undefined;
  /** Other names under which a claim is accepted. */
  readonly aliases: readonly { readonly claim: string; readonly names: readonly string[] }[];
  readonly rules: readonly Rule[];
  readonly warnings: readonly WarningRule[];
  /** Compares the client's address in `claim` of the token with `ip` of the context. Prefix lengths in bits. */
  readonly ip:
    | { readonly mode: "warn" | "enforce"; readonly claim: string; readonly prefix: { v4: number; v6: number } }
    | undefined;
  readonly carriers: readonly CarrierRule[];
  /** The longest token that every carrier can transport, except the optional ones, in characters. */
  readonly maxTokenLength: number;
  readonly surfaces: Surfaces;
  readonly quarantine: { readonly deadlineSeconds: number; readonly maxFailures: number } | undefined;
  /** How often tokens may be issued, for one client's address and for one subject; undefined: without a limit. */
  readonly metering: { readonly clientIp: RateLimit | undefined; readonly subject: RateLimit | undefined };
  /** The three schemas as written in the file, for display. */
  readonly schemas: { readonly request: object; readonly accept: object; readonly context: object | undefined };
}

/** The `iss` of a token of the profile and tenant; undefined: none. */
export function issuerFor(
  { issuer, tenantIsIssuer }: Pick<Profile, "issuer" | "tenantIsIssuer">,
  tenant: string,
): string | undefined {
  return tenantIsIssuer ? tenant : issuer;
}

/** Whether a key with this algorithm may sign and verify. The keys of a keyset keep the one that they began with. */
export function allowsAlgorithm(keys: ProfileKeys, alg: Algorithm): boolean {
  return keys.kind === "keyset" || keys.algorithms.includes(alg);
}

/** The longest time after `iat` for which a token of the profile is accepted, in seconds, without the leeway. */
export function longestLifetime({ max, extended, exp, maxAge }: ProfileLifetime): number {
  return Math.max(extended?.max ?? max, exp === "required" ? 0 : (maxAge ?? 0));
}
