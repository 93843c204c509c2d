import type { AuditPipeline } from "../audit/pipeline.ts";
import { type GrpcServer, ISSUING } from "../grpc/server.ts";
import type { Keyring } from "../keys/rotating/keyring.ts";
import type { Log } from "./log.ts";

/** Whether tokens can be issued, and if not, what has to happen first. */
export interface Readiness {
  /** Empty when tokens can be issued. In the words of people. */
  waitsFor(): readonly string[];
  /** Looks at what has to be asked for. Never rejects. */
  look(): Promise<void>;
  /** The listeners are up. */
  start(): void;
  /** The service is going down: it finishes what it has and wants no more. */
  stop(): void;
}

export interface ReadinessParts {
  readonly audit: AuditPipeline;
  readonly rings: () => readonly Keyring[];
  readonly spoolMaxBytes: number;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** What else has to happen first. */
  readonly others: () => readonly string[];
}

export function createReadiness({ audit, rings, spoolMaxBytes, now, others }: ReadinessParts): Readiness {
  let phase: "starting" | "serving" | "stopping" = "starting";
  let room = true;

  return {
    waitsFor() {
      const reasons = phase === "serving" ? [] : [phase === "starting" ? "the start" : "the end: it is stopping"];
      if (!audit.running) reasons.push("the audit log, which has failed");
      if (!room) reasons.push("room in the audit log");
      reasons.push(...others());
      for (const ring of rings())
        if (ring.signer(now()) === undefined) reasons.push(`a key of keyset ${ring.keyset} that may sign`);
      return reasons;
    },
    async look() {
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

/** Keeps the health services up to date. */
export interface Health {
  /** Looks now, as it does every second. Never rejects. */
  look(): Promise<void>;
  /** Shows that it goes down. */
  stop(): void;
}

const LOOK_MS = 1_000;

/** "" is served as soon as tokens can be verified, the issuing service while they can be issued as well. */
export function startHealth(grpc: GrpcServer, ready: Readiness, canVerify: () => boolean, log: Log): Health {
  let told = "";

  async function look(): Promise<void> {
    await ready.look();
    const reasons = ready.waitsFor();
    grpc.setHealth("", canVerify());
    grpc.setHealth(ISSUING, reasons.length === 0);
    // Reasons that differ in their figures alone are the same ones.
    const what = reasons.join("\n").replace(/\d+/g, "");
    if (what !== told && reasons.length > 0) log("warn", { type: "waiting", for: reasons });
    told = what;
  }

  const timer = setInterval(() => void look(), LOOK_MS);
  return {
    look,
    stop() {
      clearInterval(timer);
      ready.stop();
      grpc.setHealth(ISSUING, false);
      grpc.setHealth("", false);
    },
  };
}
