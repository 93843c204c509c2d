import { createFileRegistry, type FileRegistry } from "@bufbuild/protobuf";
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
import { loadContract } from "../protobuf/contract.ts";
import { StartError } from "../start-error.ts";
import { ConnectionGuard, type Load } from "./connections/guard.ts";
import type { Limit } from "./connections/limits.ts";
import { addLibraryService, refuseUndecodable } from "./library-services.ts";
import { paceRequests } from "./paced-requests.ts";
import { makeProtoPlainName } from "./process/plain-proto.ts";
import { keepCallsYoung } from "./process/young-calls.ts";
import { reflection } from "./reflection.ts";
import { createStreams, type StreamHandler, type StreamLimits, serverStream } from "./server-stream.ts";
import { type KeyService, keyHandlers } from "./services/keys.ts";
import { profileHandlers } from "./services/profiles.ts";
import { type TokenService, tokenHandlers, tokenMethods } from "./services/tokens.ts";
import { bytesOnly, type Handler, type OnCall, unary } from "./unary.ts";
import { removeStaleSocket } from "./unix-socket.ts";
import { requestDecoder } from "./wire/decode-request.ts";

/** Settings of the transport. The limits are those that grpc-js leaves open by default. */
export interface TransportOptions {
  readonly maxConnections: number;
  readonly maxOpenCalls: number;
  readonly maxConcurrentStreams: number;
  readonly maxMessageBytes: number;
  readonly maxUnreadBytes: number;
  readonly maxBufferedBytes: number;
  readonly maxConnectionIdleMs: number;
  readonly maxConnectionAgeMs: number;
  readonly keepaliveMs: number;
  /** Whether the process is changed so that the objects of a call die with it. */
  readonly youngCalls: boolean;
}

/** How long the calls on a connection that has reached its maximum age may take to finish, at most. */
const LONGEST_AGE_GRACE_MS = 60_000;

/** Most server streams at once, over all connections. */
const MAX_STREAMS = 1000;
/** How long a client may leave a stream unread, in milliseconds. */
const STALLED_MS = 30_000;

/** What the health of a service depends on: that calls are answered, that tokens can be verified, or issued too. */
export type Ability = "answer" | "verify" | "issue";

/** Issuing has a health of its own, because verifying outlasts it. */
export const ISSUING = "signet.v1.TokenService/IssueToken";

/** The service names of `grpc.health.v1`: "", each service, and {@link ISSUING}. */
const HEALTH_NAMES: Readonly<Record<Ability, readonly string[]>> = {
  answer: [
    "signet.v1.ProfileService",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
  ],
  verify: ["", "signet.v1.TokenService", "signet.v1.KeyService"],
  issue: [ISSUING],
};

/** The implementation, in terms of the domain. */
interface Services {
  readonly tokens: TokenService;
  readonly keys: KeyService;
  readonly profiles: () => ReadonlyMap<string, Profile>;
}

export interface GrpcServer {
  /** The address in use. Port 0 is replaced by the port that the system chose. */
  readonly address: string;
  /** At the beginning calls are answered, and no token can be verified. */
  setHealth(ability: Ability, serving: boolean): void;
  /** What is open at this moment. */
  load(): Load;
  /** Ends streams, refuses new calls, and waits at most `graceMs` for the others before it cuts them. */
  stop(graceMs: number): Promise<void>;
}

/**
 * Serves the contract, health and reflection at `address` (`host:port`, or `unix:/path`). A stale socket at that path,
 * left by a killed process, is replaced. See `process/` for what this changes in the whole process.
 *
 * @throws StartError when the address can't be bound.
 */
export async function startGrpcServer(
  address: string,
  services: Services,
  options: TransportOptions,
  onCall: OnCall,
  onLimit: (limit: Limit) => void,
): Promise<GrpcServer> {
  // Log lines are an allow-list, and grpc-js writes its own to standard error. Errors are thrown or observed instead.
  setLogVerbosity(logVerbosity.NONE);
  makeProtoPlainName();
  const contract = loadContract();
  const server = new Server({
    "grpc.max_concurrent_streams": options.maxConcurrentStreams,
    "grpc.max_receive_message_length": options.maxMessageBytes,
    "grpc.max_connection_idle_ms": options.maxConnectionIdleMs,
    "grpc.keepalive_time_ms": options.keepaliveMs,
    // It counts every call and message, for a service that is not offered.
    "grpc.enable_channelz": 0,
    interceptors: [refuseUndecodable, paceRequests],
  });
  const streams = createStreams(MAX_STREAMS);
  const serving = { registry: createFileRegistry(contract), streams, stalledMs: STALLED_MS, onCall };
  addService(server, tokenMethods, tokenHandlers(services.tokens, onCall), serving);
  addService(server, KeyServiceService, keyHandlers(services.keys), serving);
  addService(server, ProfileServiceService, profileHandlers(services.profiles), serving);
  const health = new HealthImplementation({});
  const setHealth = (ability: Ability, serving: boolean) => {
    for (const name of HEALTH_NAMES[ability]) health.setStatus(name, serving ? "SERVING" : "NOT_SERVING");
  };
  setHealth("answer", true);
  setHealth("verify", false);
  setHealth("issue", false);
  addLibraryService(server, health);
  addLibraryService(server, reflection(contract));
  await removeStaleSocket(address);
  const bound = await bind(server, address);
  if (options.youngCalls) keepCallsYoung(server);
  // Without a grace one stream that never ends, e.g. a health watch, keeps its connection open permanently.
  const ageGraceMs = Math.min(options.maxConnectionAgeMs, LONGEST_AGE_GRACE_MS);
  const guard = new ConnectionGuard(server, { ...options, ageGraceMs }, onLimit);
  return {
    address: bound,
    load: () => guard.load,
    setHealth,
    async stop(graceMs) {
      streams.stop();
      await stop(server, graceMs);
      guard.stop();
    },
  };
}

function addService(
  server: Server,
  definition: ServiceDefinition,
  handlers: Readonly<Record<string, Handler<never, unknown> | StreamHandler<never, unknown>>>,
  { registry, onCall, ...limits }: StreamLimits & { readonly registry: FileRegistry; readonly onCall: OnCall },
): void {
  const methods: Record<string, MethodDefinition<Buffer, Buffer>> = {};
  const implementation: UntypedServiceImplementation = {};
  for (const [name, method] of Object.entries(definition)) {
    const handler = handlers[name];
    if (handler === undefined) throw new Error(`${method.path} has no handler`);
    methods[name] = bytesOnly(method);
    const strict = { ...method, requestDeserialize: requestDecoder(method, registry) };
    implementation[name] = method.responseStream
      ? serverStream(strict, handler as StreamHandler<unknown, unknown>, limits, onCall)
      : unary(strict, handler as Handler<unknown, unknown>, onCall);
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
 * `tryShutdown` never completes while a client holds an idle stream open, e.g. a health watch. Even after
 * `forceShutdown` it waits for sockets whose clients read nothing; the end of the process closes those.
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
