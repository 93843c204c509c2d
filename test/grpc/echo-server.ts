// A bare gRPC server in a process of its own, which tells what minor collections do while it serves. With the argument "young"
// it serves as the service does.
import { GCProfiler } from "node:v8";
import { Server, ServerCredentials, type UntypedHandleCall } from "@grpc/grpc-js";
import { keepCallsYoung } from "../../src/grpc/young-calls.ts";

const same = (bytes: Buffer): Buffer => bytes;
const codec = {
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
};
const echo: UntypedHandleCall = (call: { request: Buffer }, callback: (error: null, answer: Buffer) => void) =>
  callback(null, call.request);

const server = new Server();
server.addService({ echo: { path: "/test/Echo", requestStream: false, responseStream: false, ...codec } }, { echo });
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  if (process.argv[2] === "young") keepCallsYoung(server);
  process.send?.(port);
});

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
