import type { Bell } from "./bell.ts";
import { retryAfter } from "./listen.ts";
import type { SecretEpoch } from "./secret-record.ts";
import { nextSpent, withoutSpentTexts } from "./secret-ring.ts";
import type { SecretRings } from "./secret-rings.ts";
import type { Secrets } from "./secrets.ts";

/** A timer of Node takes at most 24.8 days, and a clock may be set meanwhile. In milliseconds. */
const LONGEST_SLEEP = 3_600_000;

export interface Tidying {
  readonly rings: Pick<SecretRings, "all">;
  readonly advance: Secrets["advance"];
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Rung after each change that is made here: what others make, they tidy. */
  readonly changed: Bell;
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
    await changed.heardWithin(untilNext(), signal);
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
      return Math.min(least, next > time ? next - time : retryAfter);
    }, LONGEST_SLEEP);
  }
}
