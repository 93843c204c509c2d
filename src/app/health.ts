import { createChangeFilter } from "../async/changes.ts";
import type { AuditPipeline } from "../audit/pipeline.ts";
import type { GrpcServer } from "../grpc/server.ts";
import type { Ability } from "../grpc/standard/health.ts";
import type { Keyring } from "../keys/rotating/keyring.ts";
import type { Log } from "./log.ts";
import type { ServiceManager } from "./service-manager/service-manager.ts";

/**
 * Why new callers can't get tokens: the service starts or stops, events can't be stored, a setting of the audit stream
 * is refused, the state can't be relied on, no key may sign, or nobody can connect.
 */
type Obstacle = "start" | "stop" | "audit" | "audit_settings" | "state" | "keys" | "socket";

/** Whether new callers can get tokens, and if not, what must happen first. */
export interface Readiness {
  /** Human-readable reasons why tokens can't be issued; empty when they can. */
  waitsFor(): readonly string[];
  /**
   * Human-readable reasons why new callers can't connect. Those that are connected are served: the gRPC health service,
   * which only they can ask, does not tell them to go away.
   */
  shutsOut(): readonly string[];
  /** How many reasons of both there are, by kind. */
  obstacles(): Readonly<Record<Obstacle, number>>;
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
  /** Further reasons of these kinds. */
  readonly others: Readonly<Record<"audit_settings" | "state" | "keys", () => readonly string[]>>;
  readonly shutsOut: Readiness["shutsOut"];
}

export function createReadiness({ audit, rings, now, others, shutsOut }: ReadinessParts): Readiness {
  let phase: "starting" | "serving" | "stopping" = "starting";

  function reasons(): Readonly<Record<Exclude<Obstacle, "socket">, readonly string[]>> {
    return {
      start: phase === "starting" ? ["the start"] : [],
      stop: phase === "stopping" ? ["a new start: the service is stopping"] : [],
      audit: audit.obstacle === undefined ? [] : [audit.obstacle],
      audit_settings: others.audit_settings(),
      state: others.state(),
      keys: [
        ...others.keys(),
        ...rings()
          .filter((ring) => ring.signer(now()) === undefined)
          .map(signerOf),
      ],
    };
  }

  return {
    waitsFor: () => Object.values(reasons()).flat(),
    shutsOut,
    obstacles: () => lengths({ ...reasons(), socket: shutsOut() }),
    start() {
      phase = "serving";
    },
    stop() {
      phase = "stopping";
    },
  };
}

function lengths<Key extends string>(lists: Readonly<Record<Key, readonly unknown[]>>): Record<Key, number> {
  const counted = Object.entries<readonly unknown[]>(lists).map(([key, list]) => [key, list.length]);
  return Object.fromEntries(counted) as Record<Key, number>;
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

/** What does not depend on readiness. */
interface Abilities {
  /** Whether the services are open. */
  verify(): boolean;
  /** Whether they are, and the store of sessions is reached. */
  hold(): boolean;
}

/** Who is told what is waited for. */
interface Told {
  readonly log: Log;
  readonly manager: Pick<ServiceManager, "waitsFor">;
}

/** Issuing is possible while nothing is waited for. */
export function startHealth(
  grpc: GrpcServer,
  ready: Readiness,
  can: Abilities,
  { log, manager }: Told,
  monotonic: () => number,
): Health {
  const shown = new Map<Ability, boolean>();
  let stopped = false;
  const isNew = createChangeFilter(monotonic);

  function update(): void {
    if (stopped) return;
    const missing = ready.waitsFor();
    show("verify", can.verify());
    show("hold", can.hold());
    show("issue", missing.length === 0);
    const reasons = [...missing, ...ready.shutsOut()];
    manager.waitsFor(reasons);
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
      for (const ability of ["issue", "hold", "verify", "answer"] as const) show(ability, false);
    },
  };
}
