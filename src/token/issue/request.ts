import { fieldFault, identityFault, NOT_USED, requestIdFault, tenantFault } from "../../problem/field-rules.ts";
import type { FieldViolation } from "../../problem/problem.ts";
import type { Profile } from "../../profile/model/profile.ts";
import { addressFault } from "../ip-address.ts";

/** A request to issue a token, unchecked. Shaped as the contract's `IssueTokenRequest`; empty strings are absent. */
export interface IssueRequest {
  readonly tenant: string;
  readonly subject: string;
  readonly audience: readonly string[];
  readonly ttl: { readonly seconds: bigint; readonly nanos: number } | undefined;
  readonly claims: Readonly<Record<string, unknown>> | undefined;
  readonly clientIp: string;
  readonly requestId: string;
  readonly validateOnly: boolean;
}

/** Most audiences of one token. */
const MAX_AUDIENCES = 16;

/** Checks the fields that are the same for every profile, except `ttl` and `claims`. */
export function checkFields(request: IssueRequest, profile: Profile, violations: FieldViolation[]): void {
  const { takes, tenant, emptySubject } = profile;
  const report = (field: string, description: string | undefined): void => {
    if (description !== undefined) violations.push({ field, description });
  };
  report("tenant", tenantFault(request.tenant, tenant !== undefined));
  if (request.subject !== "" || !emptySubject)
    report("subject", fieldFault(request.subject, takes.subject, identityFault));
  report("client_ip", fieldFault(request.clientIp, takes.clientIp, addressFault));
  report("request_id", requestIdFault(request.requestId));
  if (takes.audience) checkAudience(request.audience, violations);
  else if (request.audience.length > 0) report("audience", NOT_USED);
}

function checkAudience(audience: readonly string[], violations: FieldViolation[]): void {
  if (audience.length === 0 || audience.length > MAX_AUDIENCES) {
    violations.push({ field: "audience", description: `must have 1 to ${MAX_AUDIENCES} values` });
    return;
  }
  audience.forEach((value, index) => {
    const fault =
      identityFault(value) ?? (audience.indexOf(value) < index ? "must not repeat another value" : undefined);
    if (fault !== undefined) violations.push({ field: `audience[${index}]`, description: fault });
  });
}
