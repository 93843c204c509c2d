import { pause } from "../async/timeout.ts";
import { FileError } from "../files/file-error.ts";
import { type ObservedPlace, observe, placeOf } from "../files/place.ts";
import { refuseReplaceableSocket } from "../files/private-path.ts";
import { type GrpcServer, startGrpcServer } from "../grpc/server.ts";
import type { OnCall } from "../grpc/unary.ts";
import { socketPath } from "../grpc/unix-socket.ts";
import type { Metrics } from "../http/metrics.ts";
import { type HttpServer, type HttpSources, startHttpServer } from "../http/server.ts";
import type { LiveProfiles } from "../profile/live-profiles.ts";
import { reasonsOf } from "../replica/fitness.ts";
import { StartError } from "../start-error.ts";
import { createReadiness, type Health, startHealth } from "./health.ts";
import type { Opening } from "./opening.ts";
import { type Run, START_FAILED } from "./run.ts";
import type { Storage } from "./storage.ts";

/** What the listeners serve. */
export interface Running {
  readonly live: LiveProfiles;
  readonly metrics: Metrics;
  readonly opening: Opening;
}

/** Both listeners are up, whether the services are open or not. */
export interface Listening {
  readonly addresses: { readonly grpc: string; readonly http: string };
  readonly health: Health;
}

/**
 * Listens for HTTP, then for gRPC, and begins to report the health of both.
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
    others: () => [
      ...opening.waitsFor(),
      ...storage.state.fitness.waitsFor(),
      ...reasonsOf(storage.auditSettings().refused),
    ],
    shutsOut: () => lost(socket),
  });
  const http = await listenForHttp(run, running, () => [...ready.waitsFor(), ...ready.shutsOut()]);
  endings.add(() => http.stop());
  const grpc = await listenForGrpc(run, running);
  endings.add((leftMs) => grpc.stop(leftMs));
  const path = socketPath(grpc.address);
  if (path !== undefined) socket = observe(placeOf(path));
  const addresses = { grpc: grpc.address, http: http.address };
  log("info", { type: "listening", ...addresses });
  const monotonic = () => performance.now();
  const health = startHealth(grpc, ready, () => opening.services !== undefined, log, monotonic);
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

function listenForHttp(
  { config }: Run,
  { opening, metrics }: Running,
  waitsFor: () => readonly string[],
): Promise<HttpServer> {
  const sources: HttpSources = {
    jwks(keyset) {
      if (keyset !== undefined && ![...config.keysets, ...config.retired].some(({ name }) => name === keyset))
        return undefined;
      const { keys, maxAgeSeconds } = opening.keys.jwks(keyset);
      return { json: JSON.stringify({ keys }), maxAgeSeconds };
    },
    metrics: metrics.render,
    waitsFor,
  };
  return startHttpServer(config.http, sources, () => metrics.limited("http.max_connections"));
}

async function listenForGrpc({ config, log }: Run, { opening, live, metrics }: Running): Promise<GrpcServer> {
  const { tokens, keys } = opening;
  const services = { tokens, keys, profiles: live.current };
  const onCall: OnCall = (call) => {
    metrics.call(call.method, call.code, call.seconds);
    if ("cause" in call) log("error", { type: "call.failed", method: call.method, error: call.cause });
  };
  refuseExposedSocket(config.grpc.address);
  const server = await startGrpcServer(config.grpc.address, services, config.grpc, onCall, metrics.limited);
  metrics.addLoad(server.load);
  return server;
}

function refuseExposedSocket(address: string): void {
  const path = socketPath(address);
  if (path === undefined) return;
  try {
    refuseReplaceableSocket(path);
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    throw new StartError("SOCKET_EXPOSED", `grpc.address ${address}: ${error.message}`, { cause: error });
  }
}
