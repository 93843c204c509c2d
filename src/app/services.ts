import type { Shutdown } from "../async/shutdown.ts";
import type { KeyService } from "../grpc/services/keys.ts";
import type { TokenService } from "../grpc/services/tokens.ts";
import type { Keyring } from "../keys/rotating/keyring.ts";
import type { VerifyToken } from "../token/verify/verify-token.ts";
import { currentKeys } from "./keys/keyrings.ts";
import { createKeyService } from "./services/keys.ts";
import type { ServiceParts } from "./services/parts.ts";
import { type OpenSessions, openSessions } from "./services/sessions.ts";
import { openSources } from "./services/sources.ts";
import { createTokenService } from "./services/tokens.ts";
import { createVerify } from "./services/verify.ts";

/** The services, open. */
export interface Services {
  readonly tokens: TokenService;
  readonly keys: KeyService;
  readonly sessions: OpenSessions;
  /** Verifies a token that proves a caller, and uses none up. */
  readonly verifyCredential: VerifyToken;
  readonly keyrings: ReadonlyMap<string, Keyring>;
  /** Stores keys and revocations again that the shared state has forgotten. */
  putBack(): void;
}

/**
 * Opens what the services read, then builds the services on it. Rejects with a StateError or a KeyringError. In either
 * case `endings` undoes what was begun.
 */
export async function openServices(parts: ServiceParts, endings: Shutdown): Promise<Services> {
  const { audit, lookAtAudit, now } = parts;
  const sources = await openSources(parts, endings);
  const { keyrings, retired, secrets, revocations } = sources;
  // Only now: an attempt that failed has written no event, and none of these keys has signed yet.
  for (const keyring of keyrings.values()) await audit.append(currentKeys(keyring, now()), now());
  // A rolling update would take a moment of readiness on a full disk for a good start.
  await lookAtAudit();
  const verify = createVerify(parts, sources);
  return {
    tokens: createTokenService(parts, sources, verify, endings),
    verifyCredential: verify.credential,
    keys: createKeyService(parts, sources),
    sessions: openSessions(parts, sources, verify, endings),
    keyrings,
    putBack() {
      // A ring reports a failure itself, and tries again.
      for (const keyring of [...keyrings.values(), ...retired]) void keyring.maintain().catch(() => undefined);
      secrets.readAgain();
      revocations.putBack();
    },
  };
}
