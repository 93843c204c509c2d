import { GCProfiler } from "node:v8";
import { startGrpcServer } from "../../../src/grpc/server.ts";
import { OPEN_GATE } from "../../support/caller.ts";
import { servicesWith } from "../../support/service/no-services.ts";
import { TRANSPORT } from "../../support/service/transport.ts";

async function startService(young: boolean): Promise<string> {
  const draft = {
    profile: { name: "service", lifetime: {} },
    issuedAt: 1,
    expiresAt: 2,
    claims: { object: {} },
    warnings: [],
  };
  const issue = async () => ({ token: "token", tokenId: "id", keyId: "key", draft });
  const hour = 3_600_000;
  const times = { maxConnectionIdleMs: hour, maxConnectionAgeMs: hour, keepaliveMs: hour, maxDeadlineMs: hour };
  const limits = { maxConnections: 100, maxOpenCalls: 100, maxUnreadBytes: 65_536, maxBufferedBytes: 1_048_576 };
  const server = await startGrpcServer(
    "127.0.0.1:0",
    servicesWith({ tokens: { issue } }),
    OPEN_GATE,
    { ...TRANSPORT, ...times, ...limits, maxMessageBytes: 1024, youngCalls: young },
    () => undefined,
    () => undefined,
  );
  return server.address;
}

process.send?.(await startService(process.argv[2] === "young"));
process.once("disconnect", () => process.exit());

let profiler = new GCProfiler();
profiler.start();

/** The part of what was allocated between minor collections that each of them found to be garbage. */
process.on("message", () => {
  const { statistics } = profiler.stop();
  let [allocated, freed, before] = [0, 0, 0];
  for (const { gcType, beforeGC, afterGC } of statistics) {
    const { usedHeapSize: now } = beforeGC.heapStatistics;
    const { usedHeapSize: after } = afterGC.heapStatistics;
    if (gcType === "Scavenge" && before > 0) {
      allocated += now - before;
      freed += now - after;
    }
    before = after;
  }
  process.send?.(freed / allocated);
  profiler = new GCProfiler();
  profiler.start();
});
