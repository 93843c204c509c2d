import { GCProfiler } from "node:v8";
import { Server, ServerCredentials, type ServiceDefinition, type UntypedHandleCall } from "@grpc/grpc-js";
import { TokenServiceService } from "../../../src/gen/signet/v1/token.ts";
import { startGrpcServer } from "../../../src/grpc/server.ts";
import type { KeyService } from "../../../src/grpc/services/keys.ts";
import type { TokenService } from "../../../src/grpc/services/tokens.ts";
import { bytesOnly } from "../../../src/grpc/unary.ts";

async function startYoung(): Promise<string> {
  const draft = { profile: { name: "service" }, issuedAt: 1, expiresAt: 2, claims: { object: {} }, warnings: [] };
  const issue = async () => ({ token: "token", tokenId: "id", keyId: "key", draft });
  const services = { tokens: { issue } as unknown as TokenService, keys: {} as KeyService, profiles: () => new Map() };
  const hour = 3_600_000;
  const limits = { maxConnectionIdleMs: hour, maxConnectionAgeMs: hour, keepaliveMs: hour };
  const server = await startGrpcServer(
    "127.0.0.1:0",
    services,
    { ...limits, maxConcurrentStreams: 100, maxMessageBytes: 1024 },
    () => undefined,
  );
  return server.address;
}

function startBare(): Promise<string> {
  const issueToken: UntypedHandleCall = (call: { request: Buffer }, callback: (error: null, answer: Buffer) => void) =>
    callback(null, call.request);
  const definition = TokenServiceService.issueToken as ServiceDefinition[string];
  const server = new Server();
  server.addService({ issueToken: bytesOnly(definition) }, { issueToken });
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(`127.0.0.1:${port}`),
    );
  });
}

process.send?.(await (process.argv[2] === "young" ? startYoung() : startBare()));
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
