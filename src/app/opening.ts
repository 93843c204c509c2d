import { createShutdown, type Shutdown } from "../async/shutdown.ts";
import { pause } from "../async/timeout.ts";
import type { KeyService } from "../grpc/services/keys.ts";
import type { TokenService } from "../grpc/services/tokens.ts";
import type { Keyring } from "../keys/rotating/keyring.ts";
import { Problem } from "../problem/problem.ts";
import type { SessionService } from "../session/service.ts";
import type { VerifyToken } from "../token/verify/verify-token.ts";
import type { ServiceParts } from "./services/parts.ts";
import { openServices, type Services } from "./services.ts";

/** The services that need the state: open at once, or as soon as the shared state can be read. */
export interface Opening {
  /** Undefined until they are open. */
  readonly services: Services | undefined;
  /** Every method throws the Problem KEYS_UNAVAILABLE until the services are open. */
  readonly tokens: TokenService;
  /** Every method throws the Problem KEYS_UNAVAILABLE until the services are open. */
  readonly keys: KeyService;
  /** Every method throws the Problem KEYS_UNAVAILABLE until the services are open. */
  readonly sessions: SessionService;
  /** As in the services. Throws the Problem KEYS_UNAVAILABLE until they are open. */
  readonly verifyCredential: VerifyToken;
  /** Empty until the services are open. */
  rings(): readonly Keyring[];
  /** As of {@link Services}; nothing until the services are open. */
  sessionFigures(): ReturnType<Services["sessions"]["figures"]>;
  /** Why they are not open yet, human-readable; empty when they are. */
  waitsFor(): readonly string[];
  /** Resolves when they are open or the service stops. Rejects with errors that a retry cannot fix. */
  readonly done: Promise<void>;
  /** Stops opening, and closes what is open, within about `leftMs`. Never rejects. */
  stop(leftMs: number): Promise<void>;
}

const NOT_REACHED = "the shared state (NATS), which is not reached yet";
const RETRY_MS = 500;
const SETTLE_RETRY_MS = 5_000;
/** How long an attempt that failed may take to end what it opened, before the next attempt. */
const GIVE_UP_MS = 10_000;

/** Opens the services, and retries while the shared state is unreachable. */
export function startOpening(parts: ServiceParts): Opening {
  const { state, installation, log, stopping } = parts;
  const onStopError = (error: unknown) => log("error", { type: "stop.failed", error });
  let services: Services | undefined;
  let opened: Shutdown | undefined;
  let obstacle: string | undefined = NOT_REACHED;
  let isSettling = false;

  async function open(): Promise<void> {
    await state.store.reached(stopping);
    obstacle = "the keys";
    while (!stopping.aborted && services === undefined) {
      const endings = createShutdown(onStopError);
      try {
        await installation.check();
        const open = await openServices(parts, endings);
        services = open;
        opened = endings;
        obstacle = undefined;
        state.store.opened(() => {
          open.putBack();
          void settleInstallation();
        });
        void settleInstallation();
      } catch (error) {
        await endings.end(GIVE_UP_MS);
        if (!state.store.isRetryable(error)) throw error;
        obstacle = obstacleOf(error);
        await pause(RETRY_MS, stopping);
      }
    }
  }

  async function settleInstallation(): Promise<void> {
    // It goes on until the store is reachable, and becomes due each hour meanwhile.
    if (isSettling) return;
    isSettling = true;
    while (!(await isSettled())) await pause(SETTLE_RETRY_MS, stopping);
    isSettling = false;
  }

  /** Whether nothing is left to try. */
  async function isSettled(): Promise<boolean> {
    try {
      await installation.settle();
    } catch (error) {
      if (stopping.aborted) return true;
      if (state.store.isRetryable(error)) return false;
      log("error", { type: "store.failed", error });
    }
    return true;
  }

  const done = open();
  // It may reject before the caller awaits it, which must not count as unhandled.
  done.catch(() => undefined);
  const current = (): Services => services ?? refuseCall();
  return {
    get services() {
      return services;
    },
    tokens: tokensOf(current),
    keys: keysOf(current),
    sessions: sessionsOf(current),
    verifyCredential: (request) => current().verifyCredential(request),
    rings: () => [...(services?.keyrings.values() ?? [])],
    sessionFigures: () => services?.sessions.figures() ?? { open: 0, gateways: 0 },
    waitsFor() {
      // Once the state has been unreachable for too long, its own reason says so.
      const hasOtherReason = obstacle === NOT_REACHED && state.fitness.waitsFor().length > 0;
      return obstacle === undefined || hasOtherReason ? [] : [obstacle];
    },
    done,
    async stop(leftMs) {
      const until = performance.now() + leftMs;
      await done.catch(() => undefined);
      await opened?.end(until - performance.now());
    },
  };
}

/** Names the error and its cause: the error alone says only what could not be read. */
function obstacleOf(error: unknown): string {
  if (!(error instanceof Error)) return "the keys";
  return `the keys: ${error.message}${error.cause instanceof Error ? ` (${error.cause.message})` : ""}`;
}

function refuseCall(): never {
  const message = "the keys are not read yet: the service waits for the state that replicas share";
  throw new Problem("KEYS_UNAVAILABLE", message, { retryAfterMs: 1_000 });
}

function tokensOf(current: () => Services): TokenService {
  return {
    issue: (profile, request, caller) => current().tokens.issue(profile, request, caller),
    verify: (request, caller) => current().tokens.verify(request, caller),
    revoke: (request, caller) => current().tokens.revoke(request, caller),
    watchRevocations: (profile, signal) => current().tokens.watchRevocations(profile, signal),
  };
}

function keysOf(current: () => Services): KeyService {
  return {
    jwks: (keyset) => current().keys.jwks(keyset),
    listKeys: (keyset) => current().keys.listKeys(keyset),
    importKey: (request, caller) => current().keys.importKey(request, caller),
    planRotation: (keyset) => current().keys.planRotation(keyset),
    rotateKeys: (request, caller) => current().keys.rotateKeys(request, caller),
    revokeKey: (request, caller) => current().keys.revokeKey(request, caller),
    watchKeys: (keyset, signal) => current().keys.watchKeys(keyset, signal),
  };
}

function sessionsOf(current: () => Services): SessionService {
  return {
    open: (request, caller) => current().sessions.service.open(request, caller),
    renew: (request, caller) => current().sessions.service.renew(request, caller),
    close: (request, caller) => current().sessions.service.close(request, caller),
    list: (request, mayList) => current().sessions.service.list(request, mayList),
    watch: (gatewayId, caller, signal) => current().sessions.service.watch(gatewayId, caller, signal),
  };
}
