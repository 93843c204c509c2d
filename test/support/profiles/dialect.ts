import { type ImportKeyRequest, type ImportKeyResponse, SecretEncoding } from "../../../src/gen/signet/v1/keys.ts";
import {
  Carrier,
  type IssueTokenRequest,
  type IssueTokenResponse,
  rejectionReasonToJSON,
  type VerifyTokenRequest,
  type VerifyTokenResponse,
} from "../../../src/gen/signet/v1/token.ts";
import { importKey } from "../service/key-calls.ts";
import { failureOf } from "../service/rich-error.ts";
import { issue, type Service, verify } from "../service/service.ts";

/** The calls under one profile, with default fields. */
export interface Dialect {
  /** Issues for a request object. Rejects with the ServiceError. */
  issue(claims: Record<string, unknown>, request?: Partial<IssueTokenRequest>): Promise<IssueTokenResponse>;
  verify(token: string, request?: Partial<VerifyTokenRequest>): Promise<VerifyTokenResponse>;
  /** Verifies the parts of a client's request. */
  present(carrier: Partial<Carrier>, request?: Partial<VerifyTokenRequest>): Promise<VerifyTokenResponse>;
  importSecret(secret: string, request?: Partial<ImportKeyRequest>): Promise<ImportKeyResponse>;
}

/** The default fields of calls. */
export interface DialectDefaults {
  readonly tenant?: string;
  readonly encoding?: SecretEncoding;
  readonly issue?: Partial<IssueTokenRequest>;
  readonly verify?: Partial<VerifyTokenRequest>;
}

export function dialect(
  service: Pick<Service, "tokens" | "keys">,
  profile: string,
  defaults: DialectDefaults = {},
): Dialect {
  const { tenant = "", encoding = SecretEncoding.SECRET_ENCODING_UNSPECIFIED } = defaults;
  const asked = (request: Partial<VerifyTokenRequest>) => ({
    profile,
    tenant,
    audience: "",
    ...defaults.verify,
    ...request,
  });
  return {
    issue: (claims, request = {}) =>
      issue(service, { profile, tenant, subject: "", audience: [], claims, ...defaults.issue, ...request }),
    verify: (token, request = {}) => verify(service, token, asked(request)),
    present: (carrier, request = {}) => {
      const credential = { $case: "carrier", value: Carrier.fromPartial(carrier) } as const;
      return verify(service, "", { ...asked(request), credential });
    },
    importSecret: (secret, request = {}) => importKey(service, { profile, tenant, secret, encoding, ...request }),
  };
}

/** "valid", or the short form of the reason. Throws when the answer for an invalid token says more than it may. */
export function verdictOf({ valid, rejection, claims, subject, issuedAt }: VerifyTokenResponse): string {
  if (valid !== (rejection === undefined)) throw new Error("`valid` and `rejection` contradict each other");
  if (rejection === undefined) return "valid";
  if (claims !== undefined || subject !== "" || issuedAt !== undefined)
    throw new Error("the answer for an invalid token holds claims");
  return rejectionReasonToJSON(rejection.reason).slice("REJECTION_REASON_".length);
}

/** The sorted fields of the violations of a call, which must fail with INVALID_ARGUMENT. */
export async function badFields(call: Promise<unknown>): Promise<string[]> {
  const { code, violations, message } = await failureOf(call);
  if (code !== "INVALID_ARGUMENT") throw new Error(`the call failed with ${code}: ${message}`);
  return violations.map(({ field }) => field).toSorted();
}

/** The codes of the warnings in an answer. */
export function warningsOf({ warnings }: Pick<IssueTokenResponse, "warnings">): string[] {
  return warnings.map(({ code }) => code);
}
