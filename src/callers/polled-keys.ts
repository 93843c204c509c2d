import { RETRY_MS } from "../async/follow.ts";
import { createSharedReload } from "../async/shared-reload.ts";
import { waitUntilDue } from "../async/wait-until-due.ts";
import { createWakeup } from "../async/wakeup.ts";
import type { HeldKeys } from "./held-keys.ts";
import { type IssuerKeys, IssuerKeysError } from "./issuer-keys.ts";

/** How the keys of an issuer are kept up to date. In milliseconds. */
export const POLLING = {
  /** From one reading to the next. */
  refresh: 10 * 60_000,
  /** For so long keys count although the issuer can't be reached; a token rarely lives longer. */
  stale: 4 * 3_600_000,
  /** Unknown kids cause at most one reading in this time. */
  coolDown: 10_000,
  /** How long a call waits for a reading. The reading itself should fail before. */
  wait: 6_000,
} as const;

/** Keys that are read from their issuer again and again, until they are stopped. */
export interface PolledKeys extends IssuerKeys {
  stop(): Promise<void>;
}

interface Polling {
  /**
   * Reads the document. MUST settle within some seconds, since a reading that hangs would be the last one, and at once
   * when the signal aborts.
   */
  readonly fetch: (signal: AbortSignal) => Promise<Buffer>;
  readonly held: HeldKeys;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly onError: (error: unknown) => void;
}

/**
 * Begins the first reading at once. The service does not wait for it: an issuer that is down must not keep everyone
 * else out.
 */
export function startPolledKeys({ fetch, held, now, onError }: Polling): PolledKeys {
  const stopping = new AbortController();
  const { signal } = stopping;
  let readAt = Number.NEGATIVE_INFINITY;

  async function read(): Promise<void> {
    await held.replace(await fetch(signal));
    readAt = now();
  }

  async function readAgain(): Promise<void> {
    const wakeup = createWakeup();
    while (!signal.aborted) {
      const since = now();
      const at = await read().then(
        () => since + refresh,
        (error) => {
          if (!signal.aborted) onError(error);
          return now() + RETRY_MS;
        },
      );
      await waitUntilDue(wakeup, { now, at, withinMs: Infinity, signal });
    }
  }

  const { refresh, stale, coolDown, wait } = POLLING;
  const reading = readAgain();
  return {
    find: (kid) => (now() - readAt <= stale ? held.find(kid) : undefined),
    reload: createSharedReload({ reload: read, now, coolDown, wait, onLate: throwLate }),
    stop() {
      stopping.abort();
      return reading;
    },
  };
}

function throwLate(): never {
  throw new IssuerKeysError("LATE", `the issuer's keys were not read within ${POLLING.wait} ms`);
}
