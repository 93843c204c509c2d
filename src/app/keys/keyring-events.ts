import { pause } from "../../async/timeout.ts";
import type { AuditEvent, AuditLog } from "../../audit/event.ts";
import type { Caller } from "../../caller.ts";
import { KeyringError } from "../../keys/error.ts";
import type { PublishKey } from "../../keys/key-history.ts";
import { publishedKey } from "../../keys/rotating/loaded-ring.ts";
import type { EpochRecord } from "../../keys/rotating/record.ts";
import type { KeyringEvent } from "../../keys/rotating/views.ts";
import { StateError } from "../../state/keyvalue.ts";
import type { Log } from "../log.ts";

/** Milliseconds between a failed append of an event and the next attempt. */
const RETRY_MS = 1_000;

interface Listeners {
  readonly audit: AuditLog;
  readonly log: Log;
  readonly isNew: IsNewFailure;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly stopping: AbortSignal;
}

/** Reports the events of keyrings to the log and the audit log, until `stopping` aborts. */
export function createKeyringReporter({ audit, log, isNew, now, stopping }: Listeners): (event: KeyringEvent) => void {
  // An event must name every key that signs. If the process ends before it is stored, the next start reports the key.
  async function appendUntilStored(event: AuditEvent): Promise<void> {
    const time = now();
    while (!stopping.aborted) {
      const failed = await audit.append(event, time).then(
        () => undefined,
        (error: unknown) => ({ error }),
      );
      if (failed === undefined) return;
      if (isNew("audit", failed.error)) log("error", { type: "audit.failed", error: failed.error });
      await pause(RETRY_MS, stopping);
    }
  }

  return (event) => {
    const { keyset } = event;
    switch (event.type) {
      case "problem":
        if (isNew(keyset, event.error)) log("error", { type: "keys.failed", keyset, error: event.error });
        return;
      case "distrusted":
        log("error", { type: "keys.distrusted", keyset, kid: event.kid });
        return;
      case "late":
        log("warn", { type: "keys.late", keyset, kid: event.kid, replicas: event.replicas });
        return;
      case "mended":
        log("warn", { type: "keys.mended", keyset, epoch: event.epoch });
        return;
      case "strays":
        log("error", { type: "keys.strays", keyset, count: event.count, keys: event.keys });
        return;
      case "unrevoked":
        log("error", { type: "keys.unrevoked", keyset, epoch: event.epoch, kid: event.kid });
        return;
      case "dropped":
        log("error", { type: "keys.dropped", keyset, epoch: event.epoch, kids: event.kids });
        void appendUntilStored(rotated({ ...event, added: [], removed: event.kids, reason: "dropped" }));
        return;
      case "restored":
        log("error", { type: "keys.restored", keyset, epoch: event.epoch, found: event.found });
        void appendUntilStored(rotated({ ...event, added: [], removed: [], reason: "restored" }));
        return;
      case "epoch.created": {
        const { epoch, added, removed, reason } = event;
        log("info", { type: "keys.rotated", keyset, epoch, added, removed, reason });
        void appendUntilStored(rotated(event));
      }
    }
  };
}

/**
 * Publishes the keys of a ring as it comes into use, and not when the first token waits for it. A failure is the matter
 * of that token: it does not leave before its key has its event.
 */
export function createRingPublisher({
  publishKey,
  log,
  isNew,
}: Pick<Listeners, "log" | "isNew"> & { readonly publishKey: PublishKey }): (ring: EpochRecord) => void {
  return ({ keyset, keys }) => {
    for (const key of keys)
      void publishKey({ keyset }, publishedKey(key))?.catch((error) => {
        if (isNew("audit", error)) log("error", { type: "audit.failed", error });
      });
  };
}

interface Rotated {
  readonly keyset: string;
  readonly epoch: number;
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly reason: string;
  readonly caller?: Caller;
  readonly next?: { readonly kid: string; readonly signFrom: number } | undefined;
}

function rotated({ keyset, epoch, added, removed, reason, caller, next }: Rotated): AuditEvent {
  const taking = { signingKeyId: next?.kid ?? "", signsFrom: next?.signFrom };
  return { type: "key.rotated", keyset, keysetEpoch: epoch, added, removed, reason, caller, ...taking };
}

/** Whether this failure should be logged: it differs from the last one at this place. */
export type IsNewFailure = (where: string, error: unknown) => boolean;

/** Longer than any pause before a retry. */
const QUIET_MS = 15_000;

/**
 * A failure that lasts is logged once, however many callers meet it: as long as it occurs again within 15 s it is the
 * same. `now` in Unix milliseconds.
 */
export function createFailureFilter(now: () => number): IsNewFailure {
  const seen = new Map<string, number>();
  return (where, error) => {
    const name = JSON.stringify([where, ...codesOf(error)]);
    const time = now();
    // Also after a clock was set back, which must not silence a failure.
    for (const [earlier, last] of seen) if (Math.abs(time - last) >= QUIET_MS) seen.delete(earlier);
    const isNew = !seen.has(name);
    seen.set(name, time);
    return isNew;
  };
}

/** The codes of the innermost cause, which is the same for reading, writing and watching in one outage. */
function codesOf(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return [];
  if (isOurs(error.cause)) return codesOf(error.cause);
  return isOurs(error) ? [error.name, error.code] : [error.name, error.message];
}

function isOurs(error: unknown): error is Error & { readonly code: string } {
  return error instanceof KeyringError || error instanceof StateError;
}
