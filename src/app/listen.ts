import { pause } from "../async/timeout.ts";
import { FileError } from "../files/file-error.ts";
import { type ObservedPlace, observe, placeOf } from "../files/place.ts";
import { refuseReplaceableSocket } from "../files/private-path.ts";
import { type GrpcServer, startGrpcServer } from "../grpc/server.ts";
import type { OnCall } from "../grpc/unary.ts";
import { socketPath } from "../grpc/unix-socket.ts";
import { reasonsOf } from "../replica/fitness.ts";
import { StartError } from "../start-error.ts";
import { openIssuers } from "./callers/issuers.ts";
import { createGate } from "./gate.ts";
import { createReadiness, type Health, startHealth } from "./health.ts";
import { type HttpAddresses, listenForHttp, type Running } from "./listeners/http.ts";
import { type Run, START_FAILED } from "./run.ts";
import { countAdminFailures } from "./services/admin-failures.ts";
import type { Storage } from "./storage.ts";

/** All listeners are up, whether the services are open or not. */
export interface Listening {
  readonly addresses: HttpAddresses & { readonly grpc: string };
  readonly health: Health;
}

/** A replica hears from the shared state each second. One that does not can hold no sessions: another replica may. */
const OUT_OF_TOUCH_MS = 5_000;

/**
 * Listens for HTTP, then for gRPC, and begins to report the health.
 *
 * @throws StartError when an address can't be bound, or others may replace its socket.
 */
export async function listen(run: Run, storage: Storage, running: Running): Promise<Listening> {
  const { now, log, endings } = run;
  const { opening } = running;
  let socket: ObservedPlace | undefined;
  const ready = createReadiness({
    audit: storage.pipeline,
    rings: opening.rings,
    now,
    others: {
      audit_settings: () => reasonsOf(storage.auditSettings().refused),
      state: storage.state.fitness.waitsFor,
      keys: opening.waitsFor,
    },
    shutsOut: () => lost(socket),
  });
  running.metrics.addSources({ obstacles: ready.obstacles });
  const probes = {
    metrics: running.metrics.render,
    waitsFor: () => [...ready.waitsFor(), ...ready.shutsOut()],
  };
  const addressesOfHttp = await listenForHttp(run, running, probes);
  const grpc = await listenForGrpc(run, running);
  endings.add((leftMs) => grpc.stop(leftMs));
  const path = socketPath(grpc.address);
  if (path !== undefined) socket = observe(placeOf(path));
  const addresses = { grpc: grpc.address, ...addressesOfHttp };
  log("info", { type: "listening", ...addresses });
  const monotonic = () => performance.now();
  const isOpen = () => opening.services !== undefined;
  const can = { verify: isOpen, hold: () => isOpen() && storage.state.fitness.ageMs() < OUT_OF_TOUCH_MS };
  const health = startHealth(grpc, ready, can, run, monotonic);
  storage.pipeline.onObstacle(health.update);
  endings.add(() => drain(run));
  endings.add(() => health.stop());
  ready.start();
  return { addresses, health };
}

/**
 * All is answered while load balancers learn from the health that the service stops. A failed start has nothing to
 * drain.
 */
async function drain({ config, stopReason }: Run): Promise<void> {
  if (stopReason() !== START_FAILED) await pause(config.drainMs);
}

/** Why no new caller can connect, although the socket is open: nothing but a new start makes another one. */
function lost(socket: ObservedPlace | undefined): readonly string[] {
  socket?.look();
  return socket?.fault === undefined ? [] : [`a new start: ${socket.fault}`];
}

async function listenForGrpc(run: Run, running: Running): Promise<GrpcServer> {
  const { config, log, tracing, now } = run;
  const { opening, live, access, limits, counter, metrics, certificates } = running;
  const { sessions, verifyCredential: verify } = opening;
  const administered = { tokens: opening.tokens, keys: opening.keys, audit: running.auditService };
  const services = {
    ...countAdminFailures(administered, live.profiles, counter.count),
    ...{ sessions, profiles: live.profiles },
  };
  const onCall: OnCall = (call) => {
    metrics.call(call.method, call.code, call.seconds);
    if ("cause" in call) log("error", { type: "call.failed", method: call.method, error: call.cause });
  };
  refuseExposedSocket(config.grpc.address);
  const tls = certificates.grpc && { ...certificates.grpc, trustDomains: config.callers.trustDomains };
  const server = await startGrpcServer(
    config.grpc.address,
    services,
    createGate(await openIssuers(run, { profiles: live.profiles, verify }), access, limits, counter, metrics),
    { ...config.grpc, tls, now },
    onCall,
    metrics.limited,
    tracing,
  );
  metrics.addSources({ load: server.load });
  return server;
}

function refuseExposedSocket(address: string): void {
  const path = socketPath(address);
  if (path === undefined) return;
  try {
    refuseReplaceableSocket(path);
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    const code = error.code === "EXPOSED" ? "SOCKET_EXPOSED" : "CANT_LISTEN";
    throw new StartError(code, `grpc.address ${address}: ${error.message}`, { cause: error });
  }
}
