import type { AuditService } from "../../../src/grpc/services/audit.ts";
import type { KeyService } from "../../../src/grpc/services/keys.ts";
import type { TokenService } from "../../../src/grpc/services/tokens.ts";
import type { Profile } from "../../../src/profile/model/profile.ts";
import type { SessionService } from "../../../src/session/service.ts";

/** What a gRPC server serves of which a test needs only the listed methods, or none. */
export function servicesWith(methods: { tokens?: object; sessions?: object } = {}) {
  return {
    tokens: (methods.tokens ?? {}) as TokenService,
    keys: {} as KeyService,
    sessions: (methods.sessions ?? {}) as SessionService,
    profiles: () => new Map<string, Profile>(),
    audit: { hashSubject: () => [""] as const } as unknown as AuditService,
  };
}
