import { createChangeFilter } from "../async/changes.ts";
import type { AuditPipeline } from "../audit/pipeline.ts";
import type { Ability, GrpcServer } from "../grpc/server.ts";
import type { Keyring } from "../keys/rotating/keyring.ts";
import type { Log } from "./log.ts";

/** Whether new callers can get tokens, and if not, what must happen first. */
export interface Readiness {
  /** Human-readable reasons why tokens can't be issued; empty when they can. */
  waitsFor(): readonly string[];
  /**
   * Human-readable reasons why new callers can't connect. Those that are connected are served: the gRPC health service,
   * which only they can ask, does not tell them to go away.
   */
  shutsOut(): readonly string[];
  /** Called when the listeners are up. */
  start(): void;
  /** Called when the service stops: it finishes its open calls, and should get no new ones. */
  stop(): void;
}

export interface ReadinessParts {
  readonly audit: AuditPipeline;
  readonly rings: () => readonly Keyring[];
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Further reasons, of the same kind. */
  readonly others: () => readonly string[];
  readonly shutsOut: Readiness["shutsOut"];
}

export function createReadiness({ audit, rings, now, others, shutsOut }: ReadinessParts): Readiness {
  let phase: "starting" | "serving" | "stopping" = "starting";

  return {
    waitsFor() {
      const reasons =
        phase === "serving" ? [] : [phase === "starting" ? "the start" : "a new start: the service is stopping"];
      if (audit.obstacle !== undefined) reasons.push(audit.obstacle);
      reasons.push(...others());
      for (const ring of rings()) if (ring.signer(now()) === undefined) reasons.push(signerOf(ring));
      return reasons;
    },
    shutsOut,
    start() {
      phase = "serving";
    },
    stop() {
      phase = "stopping";
    },
  };
}

function signerOf({ keyset, obstacle }: Keyring): string {
  const signer = `a key of keyset ${keyset} that may sign`;
  return obstacle === undefined ? signer : `${signer}: ${obstacle}`;
}

/** Keeps the gRPC health services up to date. */
export interface Health {
  /** Updates them now; they are also updated every second. */
  update(): void;
  /** Reports NOT_SERVING from now on. */
  stop(): void;
}

const UPDATE_MS = 1_000;

/** Tokens can be verified once the services are open; issuing is possible while nothing is waited for. */
export function startHealth(
  grpc: GrpcServer,
  ready: Readiness,
  canVerify: () => boolean,
  log: Log,
  monotonic: () => number,
): Health {
  const shown = new Map<Ability, boolean>();
  let stopped = false;
  const isNew = createChangeFilter(monotonic);

  function update(): void {
    if (stopped) return;
    const missing = ready.waitsFor();
    show("verify", canVerify());
    show("issue", missing.length === 0);
    const reasons = [...missing, ...ready.shutsOut()];
    if (isNew(reasons.join("\n"))) log("warn", { type: "waiting", for: reasons });
  }

  // The library sends every status to every watcher, whether it has changed or not.
  function show(ability: Ability, serving: boolean): void {
    if (shown.get(ability) === serving) return;
    shown.set(ability, serving);
    grpc.setHealth(ability, serving);
  }

  const timer = setInterval(update, UPDATE_MS);
  return {
    update,
    stop() {
      stopped = true;
      clearInterval(timer);
      ready.stop();
      for (const ability of ["issue", "verify", "answer"] as const) show(ability, false);
    },
  };
}
