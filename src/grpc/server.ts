import {
  logVerbosity,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  setLogVerbosity,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";
import { KeyServiceService } from "../gen/signet/v1/keys.ts";
import { ProfileServiceService } from "../gen/signet/v1/profiles.ts";
import type { Profile } from "../profile/model/profile.ts";
import { StartError } from "../start-error.ts";
import { makeProtoPlainName, rejectIncompleteMessages } from "./process/strict-decoding.ts";
import { keepCallsYoung } from "./process/young-calls.ts";
import { addReflection } from "./reflection.ts";
import { openStreams, type StreamHandler, type StreamLimits, serverStream } from "./server-stream.ts";
import { type KeyService, keyHandlers } from "./services/keys.ts";
import { profileHandlers } from "./services/profiles.ts";
import { type TokenService, tokenHandlers, tokenMethods } from "./services/tokens.ts";
import { bytesOnly, type CallObserver, type Handler, unary } from "./unary.ts";
import { removeStaleSocket } from "./unix-socket.ts";

/** Limits of the transport; what grpc-js leaves unlimited by default. */
export interface GrpcLimits {
  readonly maxConcurrentStreams: number;
  readonly maxMessageBytes: number;
  readonly maxConnectionIdleMs: number;
  readonly maxConnectionAgeMs: number;
  readonly keepaliveMs: number;
}

/** How long the calls of a connection that has reached its age may finish, at most. */
const LONGEST_AGE_GRACE_MS = 60_000;

/** How many streams are served at once, over all connections; and how long one may stall. */
const MAX_STREAMS = 1000;
const STALLED_MS = 30_000;

/** The health services of `grpc.health.v1`: "" can verify, the issuing one can issue as well. */
export const ISSUING = "signet.v1.TokenService/IssueToken";

/** What is served, in the words of the domain. */
interface Services {
  readonly tokens: TokenService;
  readonly keys: KeyService;
  readonly profiles: () => ReadonlyMap<string, Profile>;
}

export interface GrpcServer {
  /** Where it listens, with the port that was chosen when port 0 was asked for. */
  readonly address: string;
  setHealth(service: "" | typeof ISSUING, serving: boolean): void;
  /** Takes no new calls, lets those under way finish for at most `graceMs`, then cuts them. */
  stop(graceMs: number): Promise<void>;
}

/**
 * Serves the contract, health and reflection at `address` (`host:port`, or `unix:/path`). A socket that a killed
 * process left at that path is replaced.
 *
 * @throws StartError when the address can't be bound.
 */
export async function startGrpcServer(
  address: string,
  services: Services,
  limits: GrpcLimits,
  observe: CallObserver,
): Promise<GrpcServer> {
  // The log is an allow-list: the library's own lines on standard error are not in it. What fails is thrown or observed.
  setLogVerbosity(logVerbosity.NONE);
  makeProtoPlainName();
  rejectIncompleteMessages();
  const server = new Server({
    "grpc.max_concurrent_streams": limits.maxConcurrentStreams,
    "grpc.max_receive_message_length": limits.maxMessageBytes,
    "grpc.max_connection_idle_ms": limits.maxConnectionIdleMs,
    "grpc.max_connection_age_ms": limits.maxConnectionAgeMs,
    // Without it one stream that never ends, e.g. a health watch, keeps its connection for ever.
    "grpc.max_connection_age_grace_ms": Math.min(limits.maxConnectionAgeMs, LONGEST_AGE_GRACE_MS),
    "grpc.keepalive_time_ms": limits.keepaliveMs,
    // Counts every call and message, for a service that is not offered.
    "grpc.enable_channelz": 0,
  });
  const streams = openStreams(MAX_STREAMS);
  const serving = { streams, stalledMs: STALLED_MS, observe };
  addService(server, tokenMethods, tokenHandlers(services.tokens, observe), serving);
  addService(server, KeyServiceService, keyHandlers(services.keys), serving);
  addService(server, ProfileServiceService, profileHandlers(services.profiles), serving);
  const health = new HealthImplementation({ "": "NOT_SERVING", [ISSUING]: "NOT_SERVING" });
  health.addToServer(server);
  addReflection(server);
  await removeStaleSocket(address);
  const bound = await bind(server, address);
  keepCallsYoung(server);
  return {
    address: bound,
    setHealth: (service, serving) => health.setStatus(service, serving ? "SERVING" : "NOT_SERVING"),
    stop: (graceMs) => {
      streams.stop();
      return stop(server, graceMs);
    },
  };
}

function addService(
  server: Server,
  definition: ServiceDefinition,
  handlers: Readonly<Record<string, Handler<never, unknown> | StreamHandler<never, unknown>>>,
  { observe, ...limits }: StreamLimits & { readonly observe: CallObserver },
): void {
  const methods: Record<string, MethodDefinition<Buffer, Buffer>> = {};
  const implementation: UntypedServiceImplementation = {};
  for (const [name, method] of Object.entries(definition)) {
    const handler = handlers[name];
    if (handler === undefined) throw new Error(`${method.path} has no handler`);
    methods[name] = bytesOnly(method);
    implementation[name] = method.responseStream
      ? serverStream(method, handler as StreamHandler<unknown, unknown>, limits, observe)
      : unary(method, handler as Handler<unknown, unknown>, observe);
  }
  server.addService(methods, implementation);
}

function bind(server: Server, address: string): Promise<string> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
      if (error) reject(new StartError("CANT_LISTEN", `gRPC can't listen at ${address}: ${error.message}`));
      else resolve(address.startsWith("unix:") ? address : `${address.slice(0, address.lastIndexOf(":"))}:${port}`);
    });
  });
}

/**
 * `tryShutdown` alone never ends while a client holds an idle stream open, e.g. a health watch; and after `forceShutdown`
 * it still waits for sockets whose clients read nothing. Those are left to the end of the process.
 */
function stop(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, graceMs);
    server.tryShutdown(() => {
      clearTimeout(cut);
      resolve();
    });
  });
}
