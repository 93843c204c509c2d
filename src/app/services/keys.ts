import { randomBytes } from "node:crypto";
import type { KeyService } from "../../grpc/services/keys.ts";
import { createSecretVault } from "../../jose/secret-vault.ts";
import { createImportSecret } from "../../key-admin/import-secret.ts";
import { createKeyViews, ringOf } from "../../key-admin/list-keys.ts";
import { createRevokeKey } from "../../key-admin/revoke-key.ts";
import { createRotateKeys } from "../../key-admin/rotate-keys.ts";
import { countImports } from "../counted.ts";
import type { ServiceParts } from "./parts.ts";
import type { Sources } from "./sources.ts";

export function createKeyService(parts: ServiceParts, { keyrings, retired, secrets }: Sources): KeyService {
  const { config, state, keks, audit, publishKey, live, metrics, now } = parts;
  const { requireFit, requireRightClock } = state.fitness;
  const common = { profiles: live.profiles, secrets, requireRightClock, audit, now };
  const importKey = createImportSecret({ ...common, publishKey, vault: createSecretVault(keks), randomBytes });
  const allRings = () => [...keyrings.values(), ...retired];
  return {
    ...createKeyViews(config, keyrings, retired, secrets, now),
    importKey: countImports(importKey, metrics),
    rotateKeys: createRotateKeys((keyset) => ringOf(keyrings, keyset), requireFit),
    revokeKey: createRevokeKey({ ...common, keyrings: allRings, replicas: state.peers }),
  };
}
