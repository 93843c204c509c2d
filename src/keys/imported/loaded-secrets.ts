import { KeyringError } from "../error.ts";
import { isMac, type SecretEncoding } from "../model.ts";
import type { ActiveKey, FoundKey } from "../token-keys.ts";
import type { ImportedKey, SecretVault, VerifyingKey } from "../vault.ts";
import { SECRET_ENCODINGS, type SecretEpoch, type SecretRecord, secretBytes } from "./secret.ts";

/** The secrets of an epoch, open. Times in Unix milliseconds. */
export interface LoadedSecrets {
  /**
   * The newest secret; undefined when none is left. It signs as soon as a replica has the record, whatever the clock
   * says.
   */
  readonly signer: ActiveKey | undefined;
  verifier(kid: string, now: number): FoundKey;
  /** All secrets that verify now, the newest first. */
  verifiers(now: number): readonly VerifyingKey[];
  /**
   * Tries the texts of the current secrets under encodings other than the imported ones. Returns the encoding under
   * which one of them verifies the signature.
   */
  otherReading(data: Buffer, signature: Buffer, now: number): SecretEncoding | undefined;
  /** Destroys the secrets: none of them is used any more. */
  close(): void;
}

interface OpenSecret {
  readonly record: SecretRecord;
  readonly key: ImportedKey;
  readonly found: FoundKey;
  readonly others: readonly { readonly encoding: SecretEncoding; readonly key: VerifyingKey }[];
}

/** Opens every secret that still has its text. Throws {@link KeyringError} as {@link SecretVault.open} does. */
export function loadSecrets(ring: SecretEpoch, vault: SecretVault): LoadedSecrets {
  const listed = new Map(ring.secrets.map((secret) => [secret.kid, secret]));
  const open = openAll(ring, vault).reverse();
  const [current] = open;
  const signer = current && {
    ...current.key,
    signFrom: current.record.signFrom,
    verifyUntil: Number.POSITIVE_INFINITY,
  };
  const byKid = new Map(open.map((secret) => [secret.record.kid, secret]));
  const verifying = (now: number) => open.filter(({ record }) => verifies(record, now));

  return {
    signer,
    verifier(kid, now) {
      const secret = byKid.get(kid);
      if (secret !== undefined && verifies(secret.record, now)) return secret.found;
      const record = listed.get(kid);
      if (record === undefined) return { state: "unknown" };
      return { state: record.revoked === undefined ? "retired" : "revoked" };
    },
    verifiers: (now) => verifying(now).map(({ key }) => key),
    otherReading: (data, signature, now) =>
      verifying(now)
        .flatMap(({ others }) => others)
        .find(({ key }) => key.verify(data, signature))?.encoding,
    close: () => destroyAll(open),
  };
}

function openAll(ring: SecretEpoch, vault: SecretVault): OpenSecret[] {
  const open: OpenSecret[] = [];
  try {
    for (const record of ring.secrets) open.push(...openSecret(ring, record, vault));
    return open;
  } catch (error) {
    destroyAll(open);
    throw error;
  }
}

function destroyAll(secrets: readonly OpenSecret[]): void {
  for (const { key } of secrets) key.destroy();
}

function verifies({ verifyUntil }: SecretRecord, now: number): boolean {
  return verifyUntil === undefined || now < verifyUntil;
}

function openSecret(ring: SecretEpoch, record: SecretRecord, vault: SecretVault): OpenSecret[] {
  const { kid, alg, sealed } = record;
  if (sealed === undefined) return [];
  const text = vault.open(sealed, { profile: ring.profile, tenant: ring.tenant, kid, alg });
  const bytes = secretBytes(text, record.encoding);
  if (bytes === undefined) throw new KeyringError("DAMAGED_KEY", `the text of secret ${kid} is not ${record.encoding}`);
  const key = vault.key(kid, alg, bytes);
  const others = isMac(alg) ? otherReadings(text, record, vault) : [];
  return [{ record, key, found: { state: "ok", key }, others }];
}

function otherReadings(text: string, { kid, alg, encoding: own }: SecretRecord, vault: SecretVault) {
  return SECRET_ENCODINGS.filter((encoding) => encoding !== own).flatMap((encoding) => {
    const other = secretBytes(text, encoding);
    return other === undefined || other.length === 0 ? [] : [{ encoding, key: vault.key(kid, alg, other) }];
  });
}
