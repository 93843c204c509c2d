import { RETRY_MS } from "../../async/follow.ts";
import { waitUntilDue } from "../../async/wait-until-due.ts";
import type { Wakeup } from "../../async/wakeup.ts";
import { KeyringError } from "../error.ts";
import type { SecretVault } from "../vault.ts";
import type { ReadRing } from "./held-ring.ts";
import { type SecretEpoch, type SecretOwner, type SecretRecord, secretBytes } from "./secret.ts";
import { nextSpent, withoutSpentTexts } from "./secret-ring.ts";
import type { NextEpoch, SecretRings } from "./secret-rings.ts";

/** In case another replica's change was missed. */
const MAX_SLEEP_MS = 3_600_000;

export interface UpkeepParts {
  readonly rings: Pick<SecretRings, "all">;
  readonly advance: (owner: SecretOwner, next: NextEpoch) => Promise<void>;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** How often the clock is looked at, in milliseconds; a second by default. */
  readonly tickMs?: number;
  /** Woken after each change that this process makes; other replicas tidy after their own. */
  readonly changed: Wakeup;
  readonly onError: (error: unknown) => void;
}

/**
 * Creates new epochs, until the signal aborts, for rings that are under an earlier KEK, hold the text of a secret that
 * no longer verifies, or have garbage at the place of their next epoch. Retries after five seconds what failed. Never
 * rejects.
 */
export async function tidySecrets(
  { rings, advance, now, tickMs, changed, onError }: UpkeepParts,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await tidyAll();
    await waitUntilDue(changed, { now, at: now() + untilNext(), withinMs: MAX_SLEEP_MS, signal, tickMs });
  }

  /** One ring at a time: there may be thousands. */
  async function tidyAll(): Promise<void> {
    for (const ring of rings.all()) {
      if (signal.aborted) return;
      if (ring.blocked || !isDue(ring)) continue;
      const { record } = ring;
      await advance(record, async (before) => before && tidied(before, record.epoch)).catch(onError);
    }
  }

  function isDue({ record, stale, msUntilMending }: ReadRing): boolean {
    return stale || msUntilMending === 0 || withoutSpentTexts(record, now()) !== undefined;
  }

  function tidied(ring: SecretEpoch, epoch: number): SecretEpoch | undefined {
    // Another replica was faster.
    if (ring.epoch > epoch) return undefined;
    return withoutSpentTexts(ring, now()) ?? { ...ring, epoch: epoch + 1 };
  }

  function untilNext(): number {
    const time = now();
    return rings.all().reduce((least, { record, stale, msUntilMending }) => {
      const next = stale ? time : Math.min(nextSpent(record) ?? Infinity, time + msUntilMending);
      return Math.min(least, next > time ? next - time : RETRY_MS);
    }, MAX_SLEEP_MS);
  }
}

/**
 * Seals the secrets of an epoch under the current KEK: no schedule replaces them, and the earlier KEK will be
 * withdrawn. Rejects with a {@link KeyringError} as {@link SecretVault.open} does.
 */
export async function reseal(ring: SecretEpoch, vault: SecretVault): Promise<SecretEpoch> {
  return { ...ring, secrets: await Promise.all(ring.secrets.map((secret) => resealSecret(ring, secret, vault))) };
}

async function resealSecret(ring: SecretEpoch, secret: SecretRecord, vault: SecretVault): Promise<SecretRecord> {
  if (secret.sealed === undefined) return secret;
  const { kid, alg } = secret;
  const id = { profile: ring.profile, tenant: ring.tenant, kid, alg };
  const text = vault.open(secret.sealed, id);
  const bytes = secretBytes(text, secret.encoding);
  if (bytes === undefined) throw new KeyringError("DAMAGED_KEY", `the text of secret ${kid} is not ${secret.encoding}`);
  return { ...secret, fingerprint: vault.fingerprint(alg, bytes), sealed: await vault.seal(text, id) };
}
