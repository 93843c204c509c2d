import { createQueue } from "../../async/queue.ts";
import type { Log } from "../log.ts";
import { createNotify, type Notify } from "./notify.ts";

/**
 * What the manager that started the service is told, as sd_notify(3) says: systemd, or any other with the same
 * protocol. Nothing waits for it, and a failure is logged.
 */
export interface ServiceManager {
  /** The start has come as far as it can by itself. */
  ready(): void;
  /** Why tokens can't be issued, human-readable; empty when they can. Shown from {@link ready} on. */
  waitsFor(reasons: readonly string[]): void;
  /** A reload has begun; {@link ready} ends it. */
  reloading(): void;
  /** The service stops, within `boundMs` if nothing hangs. */
  stopping(reason: string, boundMs: number): void;
  /** Resolves when the manager has been told everything. No message follows. */
  close(): Promise<void>;
}

/** Without a manager there is nobody to tell. */
const NOBODY: ServiceManager = {
  ready: () => {},
  waitsFor: () => {},
  reloading: () => {},
  stopping: () => {},
  close: async () => {},
};

/** One lost message of three must not look like a service that hangs. */
const PINGS_IN_TIMEOUT = 3;

/**
 * Tells the manager that `env` names with NOTIFY_SOCKET, and sends its watchdog a sign of life if WATCHDOG_USEC asks
 * for it. Without NOTIFY_SOCKET nothing is run.
 */
export function createServiceManager(
  env: NodeJS.ProcessEnv,
  log: Log,
  notify: Notify = createNotify(env),
): ServiceManager {
  if (!env.NOTIFY_SOCKET) return NOBODY;
  // One message after the other: the manager must not learn of an end before its beginning.
  const queue = createQueue();
  let failure: string | undefined;
  let phase: "starting" | "ready" | "stopping" = "starting";
  let status: string | undefined;
  let shown: string | undefined;

  function tell(fieldsNow: () => Readonly<Record<string, string>> | undefined): Promise<void> {
    return queue.run(async () => {
      const fields = fieldsNow();
      if (fields !== undefined) await notify(fields).then(() => report(undefined), report);
    });
  }

  /** A failure that lasts is logged once. */
  function report(error: unknown): void {
    const message = error === undefined ? undefined : String(error);
    if (message !== undefined && message !== failure) log("warn", { type: "manager.failed", error });
    failure = message;
  }

  /** The newest status, if it differs in more than its figures from the one that is shown. */
  function newStatus(): { readonly STATUS: string } | undefined {
    const shape = status?.replace(/\d+/g, "");
    if (status === undefined || shape === shown) return undefined;
    shown = shape;
    return { STATUS: status };
  }

  const watchdog = startWatchdog(env, () => tell(() => ({ WATCHDOG: "1" })));
  return {
    ready() {
      // A reload may end, or begin, after the stop has begun.
      if (phase === "stopping") return;
      phase = "ready";
      void tell(() => ({ READY: "1", ...newStatus() }));
    },
    waitsFor(reasons) {
      status = reasons.length === 0 ? "Ready" : `Waits for: ${reasons.join("; ")}`;
      if (phase === "ready") void tell(newStatus);
    },
    reloading() {
      if (phase === "stopping") return;
      const since = String(process.hrtime.bigint() / 1000n);
      void tell(() => {
        shown = undefined;
        return { RELOADING: "1", MONOTONIC_USEC: since, STATUS: "Reloading" };
      });
    },
    stopping(reason, boundMs) {
      phase = "stopping";
      // The manager's own time limit may be shorter than what the configuration gives to open calls.
      const extension = { EXTEND_TIMEOUT_USEC: String(Math.ceil(boundMs * 1000)) };
      void tell(() => ({ STOPPING: "1", STATUS: `Stopping: ${reason}`, ...extension }));
    },
    close() {
      clearInterval(watchdog);
      return queue.idle();
    },
  };
}

/** Pings while the event loop turns; one that hangs is what a watchdog is for. */
function startWatchdog(env: NodeJS.ProcessEnv, ping: () => Promise<void>): NodeJS.Timeout | undefined {
  const { WATCHDOG_USEC, WATCHDOG_PID } = env;
  if (!WATCHDOG_USEC || (WATCHDOG_PID && WATCHDOG_PID !== String(process.pid))) return undefined;
  let isPinging = false;
  const pingOnce = async () => {
    if (isPinging) return;
    isPinging = true;
    await ping();
    isPinging = false;
  };
  return setInterval(pingOnce, Number(WATCHDOG_USEC) / 1000 / PINGS_IN_TIMEOUT).unref();
}
