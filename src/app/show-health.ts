import { type GrpcServer, ISSUING } from "../grpc/server.ts";
import type { Log } from "../log.ts";
import type { Readiness } from "../readiness.ts";

/** Keeps the health services up to date. */
export interface ShownHealth {
  /** Looks now, as it does every second. Never rejects. */
  look(): Promise<void>;
  /** Shows that it goes down. */
  stop(): void;
}

const LOOK_MS = 1_000;

/** "" is served as soon as tokens can be verified, the issuing service while they can be issued as well. */
export function showHealth(grpc: GrpcServer, ready: Readiness, canVerify: () => boolean, log: Log): ShownHealth {
  let told = "";

  async function look(): Promise<void> {
    await ready.look();
    const reasons = ready.waitsFor();
    grpc.setHealth("", canVerify());
    grpc.setHealth(ISSUING, reasons.length === 0);
    // Reasons that differ in their figures alone are the same ones.
    const what = reasons.join("\n").replace(/\d+/g, "");
    if (what !== told && reasons.length > 0) log("warn", { event: "waiting", for: reasons });
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
