import type { AdministrativeMethod } from "../../access/question.ts";
import type { Occurrence } from "../../audit/event-counter.ts";
import type { Caller } from "../../caller.ts";
import type { AuditService } from "../../grpc/services/audit.ts";
import type { KeyService } from "../../grpc/services/keys.ts";
import type { TokenService } from "../../grpc/services/tokens.ts";
import { Problem } from "../../problem/problem.ts";

/** The services that have administrative calls. */
export interface AdminServices {
  readonly tokens: TokenService;
  readonly keys: KeyService;
  readonly audit: AuditService;
}

type AdminCall<Request extends object, Result> = (request: Request, caller: Caller) => Promise<Result>;

/**
 * The same services, with each administrative call counted that fails, also while a service is not open yet. `profiles`
 * are those that an event may name.
 */
export function countAdminFailures(
  { tokens, keys, audit }: AdminServices,
  profiles: () => ReadonlyMap<string, unknown>,
  count: (occurrence: Occurrence) => void,
): AdminServices {
  const calls = {
    RevokeTokens: counted("RevokeTokens", tokens.revoke),
    ImportKey: counted("ImportKey", keys.importKey),
    RotateKeys: counted("RotateKeys", keys.rotateKeys),
    RevokeKey: counted("RevokeKey", keys.revokeKey),
    RotateAuditKey: counted("RotateAuditKey", audit.rotateKey),
    RetireWriter: counted("RetireWriter", audit.retireWriter),
  } satisfies Record<AdministrativeMethod, unknown>;
  return {
    tokens: { ...tokens, revoke: calls.RevokeTokens },
    keys: { ...keys, importKey: calls.ImportKey, rotateKeys: calls.RotateKeys, revokeKey: calls.RevokeKey },
    audit: { ...audit, rotateKey: calls.RotateAuditKey, retireWriter: calls.RetireWriter },
  };

  function counted<Request extends object, Result>(
    method: AdministrativeMethod,
    call: AdminCall<Request, Result>,
  ): AdminCall<Request, Result> {
    return async (request, caller) => {
      try {
        return await call(request, caller);
      } catch (error) {
        const named = "profile" in request && typeof request.profile === "string" ? request.profile : "";
        const profile = profiles().has(named) ? named : "";
        const reason = error instanceof Problem ? error.code : "INTERNAL";
        count({ type: "admin.failed", method, profile, caller, reason });
        throw error;
      }
    };
  }
}
