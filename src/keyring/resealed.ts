import { KeyringError } from "./error.ts";
import type { SecretEpoch, SecretRecord } from "./secret-record.ts";
import { secretBytes } from "./secret-text.ts";
import type { SecretVault } from "./secret-vault.ts";

/**
 * The same secrets under the current KEK: imported ones do not rotate away by themselves, and the KEK before it is going
 * to be taken away. Rejects with a {@link KeyringError} as {@link SecretVault.open} does.
 */
export async function resealed(ring: SecretEpoch, vault: SecretVault): Promise<SecretEpoch> {
  return { ...ring, secrets: await Promise.all(ring.secrets.map((secret) => resealSecret(ring, secret, vault))) };
}

async function resealSecret(ring: SecretEpoch, secret: SecretRecord, vault: SecretVault): Promise<SecretRecord> {
  if (secret.sealed === undefined) return secret;
  const id = { profile: ring.profile, tenant: ring.tenant, kid: secret.kid };
  const text = vault.open(secret.sealed, id);
  const bytes = secretBytes(text, secret.encoding);
  if (bytes === undefined)
    throw new KeyringError("DAMAGED_KEY", `the text of secret ${secret.kid} is not ${secret.encoding}`);
  return { ...secret, fingerprint: vault.fingerprint(bytes), sealed: await vault.seal(text, id) };
}
