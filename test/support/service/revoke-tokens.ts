import { RevokeTokensRequest, type RevokeTokensResponse } from "../../../src/gen/signet/v1/token.ts";
import { promised, type Service } from "./service.ts";

/** Revokes tokens, by default of the profile `service`. Rejects with the ServiceError. */
export function revokeTokens(
  { tokens }: Pick<Service, "tokens">,
  request: Partial<RevokeTokensRequest>,
): Promise<RevokeTokensResponse> {
  const whole = RevokeTokensRequest.fromPartial({ profile: "service", reason: "a test", ...request });
  return promised(tokens.revokeTokens.bind(tokens), whole);
}
