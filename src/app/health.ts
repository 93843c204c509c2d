import type { AuditPipeline } from "../audit/pipeline.ts";
import { type GrpcServer, ISSUING } from "../grpc/server.ts";
import type { Keyring } from "../keys/rotating/keyring.ts";
import type { Log } from "./log.ts";

/** Whether tokens can be issued, and if not, what must happen first. */
export interface Readiness {
  /** Human-readable reasons why tokens can't be issued; empty when they can. */
  waitsFor(): readonly string[];
  /** Measures how full the audit log is. Never rejects. */
  update(): Promise<void>;
  /** Called when the listeners are up. */
  start(): void;
  /** Called when the service stops: it finishes its open calls, and should get no new ones. */
  stop(): void;
}

export interface ReadinessParts {
  readonly audit: AuditPipeline;
  readonly rings: () => readonly Keyring[];
  readonly spoolMaxBytes: number;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Further reasons, of the same kind. */
  readonly others: () => readonly string[];
}

export function createReadiness({ audit, rings, spoolMaxBytes, now, others }: ReadinessParts): Readiness {
  let phase: "starting" | "serving" | "stopping" = "starting";
  let room = true;

  return {
    waitsFor() {
      const reasons =
        phase === "serving" ? [] : [phase === "starting" ? "the start" : "a new start: the service is stopping"];
      if (!audit.running) reasons.push("the audit log, which has failed");
      if (!room) reasons.push("room in the audit log");
      reasons.push(...others());
      for (const ring of rings())
        if (ring.signer(now()) === undefined) reasons.push(`a key of keyset ${ring.keyset} that may sign`);
      return reasons;
    },
    async update() {
      room = await audit.depth().then(
        ({ bytes }) => bytes < spoolMaxBytes,
        () => room,
      );
    },
    start() {
      phase = "serving";
    },
    stop() {
      phase = "stopping";
    },
  };
}

/** Keeps the gRPC health services up to date. */
export interface Health {
  /** Updates them now; they are also updated every second. Never rejects. */
  update(): Promise<void>;
  /** Reports NOT_SERVING from now on. */
  stop(): void;
}

const UPDATE_MS = 1_000;

/** The service "" is SERVING once tokens can be verified; the issuing service, while they can also be issued. */
export function startHealth(grpc: GrpcServer, ready: Readiness, canVerify: () => boolean, log: Log): Health {
  let logged = "";

  async function update(): Promise<void> {
    await ready.update();
    const reasons = ready.waitsFor();
    grpc.setHealth("", canVerify());
    grpc.setHealth(ISSUING, reasons.length === 0);
    // Reasons that differ only in their figures are not logged again.
    const what = reasons.join("\n").replace(/\d+/g, "");
    if (what !== logged && reasons.length > 0) log("warn", { type: "waiting", for: reasons });
    logged = what;
  }

  const timer = setInterval(() => void update(), UPDATE_MS);
  return {
    update,
    stop() {
      clearInterval(timer);
      ready.stop();
      grpc.setHealth(ISSUING, false);
      grpc.setHealth("", false);
    },
  };
}
