import { fieldFault, NOT_PAST, NOT_USED, REQUIRED, requestIdFault, tenantFault } from "../../problem/field-rules.ts";
import { type FieldViolation, invalidRequest } from "../../problem/problem.ts";
import type { Profile } from "../../profile/model/profile.ts";
import { addressFault } from "../ip-address.ts";
import { type Carrier, MAX_PAIRS } from "./carriers.ts";

/** A request to verify a token. Shaped as the contract's `VerifyTokenRequest`; empty strings are absent. */
export interface VerifyRequest {
  readonly profile: string;
  readonly credential: Credential | undefined;
  readonly tenant: string;
  readonly audience: string;
  readonly context: Readonly<Record<string, unknown>> | undefined;
  readonly at: Date | undefined;
  /** Whether to use the token up. Default: if its profile says so. */
  readonly consume?: boolean;
  /** By which a caller repeats a verification that consumes. Default: none. */
  readonly requestId?: string;
  /**
   * When this request was first answered, in Unix milliseconds: the token's own times are compared with it. No field of
   * the contract, and no part of the answer. Default: now.
   */
  readonly answeredAt?: number;
}

/** Whether the verification uses the token up. */
export function consumes({ consume = false }: VerifyRequest, { oneTime }: Pick<Profile, "oneTime">): boolean {
  return consume || oneTime;
}

/** The token itself, or where a client may have put it. */
export type Credential =
  | { readonly $case: "token"; readonly value: string }
  | { readonly $case: "carrier"; readonly value: Carrier };

/**
 * Checks a request as {@link completenessFaults} does.
 *
 * @returns the credential.
 * @throws Problem INVALID_REQUEST with every bad field.
 */
export function requireComplete(request: VerifyRequest, profile: Profile, now: number): Credential {
  const violations = completenessFaults(request, profile, now);
  if (request.credential === undefined || violations.length > 0) throw invalidRequest(violations);
  return request.credential;
}

/**
 * The bad fields of a request: it must have every field that its profile requires and none that it does not use. An
 * absent field never skips a check: a verifier that forgot its audience would accept tokens meant for others. `now` in
 * Unix milliseconds.
 */
export function completenessFaults(request: VerifyRequest, profile: Profile, now: number): readonly FieldViolation[] {
  const violations: FieldViolation[] = [];
  const report = (field: string, description: string | undefined): void => {
    if (description !== undefined) violations.push({ field, description });
  };
  const { credential, tenant, audience, context, at } = request;
  checkCredential(credential, profile, report);
  report("tenant", tenantFault(tenant, profile.tenant !== undefined));
  // Any text is compared with the token's audiences, so only its presence is checked.
  report(
    "audience",
    fieldFault(audience, profile.hasAudience, () => undefined),
  );
  checkContext(context, profile, report);
  // The time of an invalid date is NaN, which no comparison holds for.
  report("at", at === undefined || at.getTime() <= now ? undefined : NOT_PAST);
  checkConsumption(request, profile, report);
  return violations;
}

type Report = (field: string, description: string | undefined) => void;

function checkCredential(credential: Credential | undefined, { carriers }: Profile, report: Report): void {
  if (credential === undefined || credential.value === "") report("token", `${REQUIRED}, or a carrier`);
  else if (credential.$case === "carrier") {
    const { headers, query, cookies, body } = credential.value;
    if (carriers.length === 0) report("carrier", NOT_USED);
    else if (headers.length + query.length + cookies.length + body.length > MAX_PAIRS)
      report("carrier", `must have at most ${MAX_PAIRS} pairs`);
  }
}

/** A token is used up now, and not at another time. */
function checkConsumption(request: VerifyRequest, profile: Profile, report: Report): void {
  const { at, requestId = "" } = request;
  if (!consumes(request, profile)) {
    report("request_id", requestId === "" ? undefined : "is only for a verification that consumes");
    return;
  }
  report("request_id", requestIdFault(requestId));
  report("at", at === undefined ? undefined : "must not be set where the token is used up");
}

/**
 * Checks only what the verifier itself fills in. What a client put into the context is judged later, by a rejection.
 */
function checkContext(context: VerifyRequest["context"], { context: schema, ip }: Profile, report: Report): void {
  if (context !== undefined && schema === undefined) report("context", NOT_USED);
  else if (ip !== undefined) {
    const required = ip.mode === "enforce" ? REQUIRED : undefined;
    report("context.ip", context?.ip === undefined ? required : addressFault(context.ip));
  }
}
