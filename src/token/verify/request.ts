import { identityFault } from "../../problem/field-rules.ts";
import { type FieldViolation, invalidRequest } from "../../problem/problem.ts";
import type { Profile } from "../../profile/model/profile.ts";
import { canonicalIp } from "../ip-address.ts";
import { type Carrier, MAX_PAIRS } from "./carriers.ts";

/** What a caller wants checked. Shaped as the contract's `VerifyTokenRequest`; empty texts are absent. */
export interface VerifyQuestion {
  readonly profile: string;
  readonly credential:
    | { readonly $case: "token"; readonly value: string }
    | { readonly $case: "carrier"; readonly value: Carrier }
    | undefined;
  readonly tenant: string;
  readonly audience: string;
  readonly context: Readonly<Record<string, unknown>> | undefined;
  readonly at: Date | undefined;
}

const NOT_TAKEN = "is not taken by this profile";

/**
 * Checks that a question says all that its profile needs and nothing that it does not take. What is absent is never
 * skipped: a verifier that forgets its audience would take tokens that are meant for others. `now` in Unix milliseconds.
 *
 * @returns the credential.
 * @throws Problem INVALID_REQUEST with every bad field.
 */
export function requireComplete(
  question: VerifyQuestion,
  profile: Profile,
  now: number,
): NonNullable<VerifyQuestion["credential"]> {
  const violations: FieldViolation[] = [];
  const { credential, tenant, audience, context, at } = question;
  checkCredential(credential, profile, violations);
  checkPresence("tenant", tenant, profile.tenant !== undefined, violations);
  checkPresence("audience", audience, profile.hasAudience, violations);
  const fault = tenant === "" || profile.tenant === undefined ? undefined : identityFault(tenant);
  if (fault !== undefined) violations.push({ field: "tenant", description: fault });
  checkContext(context, profile, violations);
  // A date beyond its range is no number, and compares as false.
  if (at !== undefined && !(at.getTime() <= now))
    violations.push({ field: "at", description: "must be a time that is not in the future" });
  if (credential === undefined || violations.length > 0) throw invalidRequest(violations);
  return credential;
}

function checkCredential(
  credential: VerifyQuestion["credential"],
  profile: Profile,
  violations: FieldViolation[],
): void {
  if (credential === undefined || credential.value === "") {
    violations.push({ field: "token", description: "is required, or a carrier" });
    return;
  }
  if (credential.$case === "token") return;
  const { headers, query, cookies, body } = credential.value;
  if (profile.carriers.length === 0)
    violations.push({ field: "carrier", description: "is not taken: the profile has no carriers" });
  else if (headers.length + query.length + cookies.length + body.length > MAX_PAIRS)
    violations.push({ field: "carrier", description: `must have at most ${MAX_PAIRS} pairs` });
}

function checkPresence(field: string, value: string, taken: boolean, violations: FieldViolation[]): void {
  if (taken && value === "") violations.push({ field, description: "is required" });
  if (!taken && value !== "") violations.push({ field, description: NOT_TAKEN });
}

/** What a context holds is a matter of the client, which a rejection tells; what is checked here is the verifier's own. */
function checkContext(
  context: VerifyQuestion["context"],
  { context: schema, ip }: Profile,
  violations: FieldViolation[],
): void {
  if (context !== undefined && schema === undefined) {
    violations.push({ field: "context", description: NOT_TAKEN });
    return;
  }
  if (ip === undefined) return;
  const address = context?.ip;
  if (address === undefined) {
    if (ip.mode === "enforce") violations.push({ field: "context.ip", description: "is required" });
  } else if (typeof address !== "string" || canonicalIp(address) === undefined)
    violations.push({ field: "context.ip", description: "must be an IPv4 or IPv6 address" });
}
