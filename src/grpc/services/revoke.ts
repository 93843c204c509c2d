import type { Access } from "../../access/question.ts";
import type { Caller } from "../../caller.ts";
import type {
  Revocation as RevocationMessage,
  RevokeTokensRequest,
  RevokeTokensResponse,
  WatchRevocationsRequest,
  WatchRevocationsResponse,
} from "../../gen/signet/v1/token.ts";
import type { Revocation } from "../../revoke/revocation.ts";
import type { RevokeTokens, WatchRevocations } from "../../revoke/revocation-service.ts";
import { given, revokeTokensQuestion } from "../questions.ts";
import { whileAdmitted } from "../while-admitted.ts";
import { timestampOfMs, timestampOfSeconds } from "../wire/times.ts";

/** Handlers of the methods that revoke. */
export function revokeHandlers(revoke: RevokeTokens, watch: WatchRevocations, access: Access) {
  return {
    async revokeTokens(request: RevokeTokensRequest, caller: Caller): Promise<RevokeTokensResponse> {
      access.admit(caller, revokeTokensQuestion(request));
      const { at, until } = await revoke(request, caller);
      return { revokedAt: timestampOfMs(at), until: timestampOfMs(until) };
    },
    async *watchRevocations(
      { profile }: WatchRevocationsRequest,
      caller: Caller,
      signal: AbortSignal,
    ): AsyncGenerator<WatchRevocationsResponse> {
      const question = { method: "WatchRevocations", profile: given(profile) } as const;
      const changes = whileAdmitted({ access, caller, question }, signal, (either) => watch(profile, either));
      for await (const change of changes) yield { change: changeMessage(change) };
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
