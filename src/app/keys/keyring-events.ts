import { pause } from "../../async/timeout.ts";
import type { AuditEvent, AuditLog } from "../../audit/event.ts";
import { KeyringError } from "../../keys/error.ts";
import type { KeyringEvent } from "../../keys/rotating/views.ts";
import { StateError } from "../../state/keyvalue.ts";
import type { Log } from "../log.ts";

/** How long after a failure an event is offered to the audit log again. */
const RETRY_MS = 1_000;

interface Listeners {
  readonly audit: AuditLog;
  readonly log: Log;
  readonly isNew: IsNewFailure;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly stopping: AbortSignal;
}

/** Tells the log and the audit what keyrings have to tell, until `stopping` aborts. */
export function createKeyringReporter({ audit, log, isNew, now, stopping }: Listeners): (event: KeyringEvent) => void {
  // No key shall sign that no event names; what is still untold when the process ends, the next start tells.
  async function tellUntilStored(event: AuditEvent): Promise<void> {
    const time = now();
    while (!stopping.aborted) {
      const failed = await audit.append(event, time).then(
        () => undefined,
        (error: unknown) => ({ error }),
      );
      if (failed === undefined) return;
      log("error", { type: "audit.failed", error: failed.error });
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
      case "unrevoked":
        log("error", { type: "keys.unrevoked", keyset, epoch: event.epoch, kid: event.kid });
        return;
      case "dropped":
        log("error", { type: "keys.dropped", keyset, epoch: event.epoch, kids: event.kids });
        void tellUntilStored(rotated({ ...event, added: [], removed: event.kids, reason: "dropped" }));
        return;
      case "restored":
        log("error", { type: "keys.restored", keyset, epoch: event.epoch, found: event.found });
        void tellUntilStored(rotated({ ...event, added: [], removed: [], reason: "restored" }));
        return;
      case "epoch.created": {
        const { epoch, added, removed, reason } = event;
        log("info", { type: "keys.rotated", keyset, epoch, added, removed, reason });
        void tellUntilStored(rotated(event));
      }
    }
  };
}

interface Rotated {
  readonly keyset: string;
  readonly epoch: number;
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly reason: string;
  readonly caller?: string;
}

function rotated({ keyset, epoch, added, removed, reason, caller = "" }: Rotated): AuditEvent {
  return { type: "key.rotated", keyset, keysetEpoch: epoch, added, removed, reason, caller };
}

/** Whether a failure at this place is news. */
export type IsNewFailure = (where: string, error: unknown) => boolean;

/** Longer than what fails is left alone before it is tried again. */
const QUIET_MS = 15_000;

/**
 * One that goes on is told once, however many meet it and as long as it is met again within 15 s.
 * `now` in Unix milliseconds.
 */
export function createFailureFilter(now: () => number): IsNewFailure {
  const seen = new Map<string, number>();
  return (where, error) => {
    const name = JSON.stringify([where, ...codesOf(error)]);
    const before = seen.get(name) ?? Number.NEGATIVE_INFINITY;
    seen.set(name, now());
    return now() - before >= QUIET_MS;
  };
}

/** Of what lies below all: the same outage is met in reading, writing and watching. */
function codesOf(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return [];
  if (isOurs(error.cause)) return codesOf(error.cause);
  return isOurs(error) ? [error.name, error.code] : [error.name, error.message];
}

function isOurs(error: unknown): error is Error & { readonly code: string } {
  return error instanceof KeyringError || error instanceof StateError;
}
