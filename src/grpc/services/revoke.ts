import type {
  Revocation as RevocationMessage,
  RevokeTokensRequest,
  RevokeTokensResponse,
  WatchRevocationsRequest,
  WatchRevocationsResponse,
} from "../../gen/signet/v1/token.ts";
import type { Revocation } from "../../revoke/revocation.ts";
import type { RevokeTokens, WatchRevocations } from "../../revoke/revocation-service.ts";
import { timestampOfMs, timestampOfSeconds } from "../wire/times.ts";

/** Handlers of the methods that revoke. */
export function revokeHandlers(revoke: RevokeTokens, watch: WatchRevocations) {
  return {
    async revokeTokens(request: RevokeTokensRequest, caller: string): Promise<RevokeTokensResponse> {
      const { at, until } = await revoke(request, caller);
      return { revokedAt: timestampOfMs(at), until: timestampOfMs(until) };
    },
    async *watchRevocations(
      { profile }: WatchRevocationsRequest,
      _caller: string,
      signal: AbortSignal,
    ): AsyncGenerator<WatchRevocationsResponse> {
      for await (const change of watch(profile, signal)) yield { change: changeMessage(change) };
    },
  };
}

function changeMessage(change: Revocation | "current"): NonNullable<WatchRevocationsResponse["change"]> {
  if (change === "current") return { $case: "current", value: true };
  return { $case: "revocation", value: revocationMessage(change) };
}

function revocationMessage(revocation: Revocation): RevocationMessage {
  const { profile, tenant, at, until } = revocation;
  const isToken = revocation.kind === "token";
  return {
    profile,
    tenant,
    tokenId: isToken ? revocation.tokenId : "",
    subjectHash: isToken ? "" : revocation.subjectHash,
    issuedBefore: isToken ? undefined : timestampOfSeconds(revocation.issuedBefore),
    revokedAt: timestampOfMs(at),
    until: timestampOfMs(until),
  };
}
