import type { Metrics } from "../http/metrics/metrics.ts";
import type { ImportSecret } from "../key-admin/import-secret.ts";
import type { RevokeTokens } from "../revoke/revocation-service.ts";

/** The same, with each revocation counted that was stored and recorded. */
export function countRevocations(revoke: RevokeTokens, { revoked }: Metrics): RevokeTokens {
  return async (request, caller) => {
    const times = await revoke(request, caller);
    const { profile, subject, tokenIds } = request;
    if (subject === "") revoked(profile, "token", new Set(tokenIds).size);
    else revoked(profile, "subject", 1);
    return times;
  };
}

/** The same, with each import counted that succeeded. */
export function countImports(importKey: ImportSecret, { imported }: Metrics): ImportSecret {
  return async (request, caller) => {
    const key = await importKey(request, caller);
    imported(request.profile);
    return key;
  };
}
