import { RETRY_MS } from "../../async/follow.ts";
import type { Wakeup } from "../../async/wakeup.ts";
import { KeyringError } from "../error.ts";
import type { SecretVault } from "../vault.ts";
import { type SecretEpoch, type SecretOwner, type SecretRecord, secretBytes } from "./secret.ts";
import { nextSpent, withoutSpentTexts } from "./secret-ring.ts";
import type { NextEpoch, SecretRings } from "./secret-rings.ts";

/** A timer of Node takes at most 24.8 days, and a clock may be set meanwhile. In milliseconds. */
const LONGEST_SLEEP = 3_600_000;

export interface Tidying {
  readonly rings: Pick<SecretRings, "all">;
  readonly advance: (owner: SecretOwner, next: NextEpoch) => Promise<void>;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Woken after each change that is made here: what others make, they tidy. */
  readonly changed: Wakeup;
  readonly failed: (error: unknown) => void;
}

/**
 * Makes new epochs, until the signal aborts, where one is under an earlier KEK or holds the text of a secret whose time to
 * verify is over. What could not be done is tried again after five seconds. Never rejects.
 */
export async function tidySecrets(
  { rings, advance, now, changed, failed }: Tidying,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await tidyAll();
    await changed.wait(signal, untilNext());
  }

  /** One ring after the other: there may be thousands. */
  async function tidyAll(): Promise<void> {
    for (const { record, stale } of rings.all()) {
      if (signal.aborted) return;
      if (!stale && withoutSpentTexts(record, now()) === undefined) continue;
      await advance(record, async (before) => before && tidied(before, record.epoch)).catch(failed);
    }
  }

  function tidied(ring: SecretEpoch, epoch: number): SecretEpoch | undefined {
    // Another replica was faster.
    if (ring.epoch > epoch) return undefined;
    return withoutSpentTexts(ring, now()) ?? { ...ring, epoch: epoch + 1 };
  }

  function untilNext(): number {
    const time = now();
    return rings.all().reduce((least, { record, stale }) => {
      const next = stale ? time : (nextSpent(record) ?? Number.POSITIVE_INFINITY);
      return Math.min(least, next > time ? next - time : RETRY_MS);
    }, LONGEST_SLEEP);
  }
}

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
