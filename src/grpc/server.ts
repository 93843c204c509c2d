import { createFileRegistry } from "@bufbuild/protobuf";
import { logVerbosity, Server, type ServerCredentials, setLogVerbosity } from "@grpc/grpc-js";
import { AuditServiceService } from "../gen/signet/v1/audit_service.ts";
import { KeyServiceService } from "../gen/signet/v1/keys.ts";
import { ProfileServiceService } from "../gen/signet/v1/profiles.ts";
import { SessionServiceService } from "../gen/signet/v1/session.ts";
import type { Profile } from "../profile/model/profile.ts";
import { loadContract } from "../protobuf/contract.ts";
import type { SessionService } from "../session/service.ts";
import { StartError } from "../start-error.ts";
import type { CallTracing } from "../trace/call-trace.ts";
import { addService } from "./add-service.ts";
import { callerNaming } from "./caller-naming.ts";
import { ConnectionGuard, type Load } from "./connections/guard.ts";
import type { Limit } from "./connections/limits.ts";
import { ConnectionProofs } from "./connections/proofs.ts";
import type { Gate } from "./gate.ts";
import { paceRequests } from "./paced-requests.ts";
import { makeProtoPlainName } from "./process/plain-proto.ts";
import { keepCallsYoung } from "./process/young-calls.ts";
import { createStreams } from "./server-stream.ts";
import { type AuditService, auditHandlers } from "./services/audit.ts";
import { type KeyService, keyHandlers } from "./services/keys.ts";
import { profileHandlers } from "./services/profiles.ts";
import { sessionHandlers } from "./services/sessions.ts";
import { type TokenService, tokenHandlers, tokenMethods } from "./services/tokens.ts";
import { addHealth, type SetHealth } from "./standard/health.ts";
import { addLibraryService, refuseUndecodable, streamsOf } from "./standard/library-services.ts";
import { reflection } from "./standard/reflection.ts";
import { type GrpcTls, transportAt } from "./transport.ts";
import type { OnCall } from "./unary.ts";
import { removeStaleSocket } from "./unix-socket.ts";

/** Settings of the transport. The limits are those that grpc-js leaves open by default. */
export interface TransportOptions {
  /** Undefined for a Unix socket or an address on loopback, and only there. */
  readonly tls: GrpcTls | undefined;
  readonly maxConnections: number;
  readonly maxOpenCalls: number;
  readonly maxConcurrentStreams: number;
  readonly maxMessageBytes: number;
  readonly maxDeadlineMs: number;
  readonly maxUnreadBytes: number;
  readonly maxBufferedBytes: number;
  readonly maxConnectionIdleMs: number;
  readonly maxConnectionAgeMs: number;
  readonly keepaliveMs: number;
  /** Whether the process is changed so that the objects of a call die with it. */
  readonly youngCalls: boolean;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** How long the calls on a connection that has reached its maximum age may take to finish, at most. */
const LONGEST_AGE_GRACE_MS = 60_000;
/** How long a client may take to answer a ping, in milliseconds. */
const LONGEST_PONG_MS = 20_000;

/** Most server streams at once, over all connections. */
const MAX_STREAMS = 1000;
/** How long a client may leave a stream unread, in milliseconds. */
const STALLED_MS = 30_000;
/** How long a watch may outlast the token that proved its caller, in milliseconds. A check takes up to 50 µs. */
const PROVE_AGAIN_MS = 2_000;

/** The implementation, in terms of the domain. */
interface Services {
  readonly tokens: TokenService;
  readonly keys: KeyService;
  readonly sessions: SessionService;
  readonly profiles: () => ReadonlyMap<string, Profile>;
  readonly audit: AuditService;
}

export interface GrpcServer {
  /** The address in use. Port 0 is replaced by the port that the system chose. */
  readonly address: string;
  readonly setHealth: SetHealth;
  /** What is open at this moment. */
  load(): Load;
  /** Ends streams, refuses new calls, and waits at most `graceMs` for the others before it cuts them. */
  stop(graceMs: number): Promise<void>;
}

/**
 * Serves the contract, health and reflection at `address` (`host:port`, or `unix:/path`). A stale socket at that path,
 * left by a killed process, is replaced. See `process/` for what this changes in the whole process. Calls are traced by
 * `calls`, if it is given.
 *
 * @throws StartError when the address can't be bound.
 */
export async function startGrpcServer(
  address: string,
  services: Services,
  gate: Gate,
  options: TransportOptions,
  onCall: OnCall,
  onLimit: (limit: Limit) => void,
  calls?: CallTracing,
): Promise<GrpcServer> {
  // Log lines are an allow-list, and grpc-js writes its own to standard error. Errors are thrown or observed instead.
  setLogVerbosity(logVerbosity.NONE);
  makeProtoPlainName();
  const contract = loadContract();
  const { credentials, prove } = transportAt(address, options.tls);
  const proofs = new ConnectionProofs(prove, gate.openConnection, options.now);
  const server = new Server({
    "grpc.max_concurrent_streams": options.maxConcurrentStreams,
    "grpc.max_receive_message_length": options.maxMessageBytes,
    "grpc.max_connection_idle_ms": options.maxConnectionIdleMs,
    "grpc.keepalive_time_ms": options.keepaliveMs,
    "grpc.keepalive_timeout_ms": Math.min(options.keepaliveMs, LONGEST_PONG_MS),
    // It counts every call and message, for a service that is not offered.
    "grpc.enable_channelz": 0,
    interceptors: [refuseUndecodable, paceRequests],
  });
  const streams = createStreams(MAX_STREAMS);
  const { access } = gate;
  const naming = callerNaming(gate, proofs);
  const limits = { streams, stalledMs: STALLED_MS, proveAgainMs: PROVE_AGAIN_MS };
  const serving = { registry: createFileRegistry(contract), ...limits, gate, naming, onCall, calls };
  addService(server, tokenMethods, tokenHandlers(services.tokens, access, onCall), serving);
  addService(server, KeyServiceService, keyHandlers(services.keys, access), serving);
  addService(server, ProfileServiceService, profileHandlers(services.profiles, access), serving);
  addService(server, AuditServiceService, auditHandlers(services.audit, access), serving);
  const profileNames = () => services.profiles().keys();
  addService(server, SessionServiceService, sessionHandlers(services.sessions, access, profileNames), serving);
  const health = addHealth(server);
  const streaming = new Set([
    ...[tokenMethods, KeyServiceService, ProfileServiceService, AuditServiceService, SessionServiceService].flatMap(
      (definition) => streamsOf(definition),
    ),
    ...health.streaming,
    ...addLibraryService(server, reflection(contract)),
  ]);
  await removeStaleSocket(address);
  const bound = await bind(server, address, credentials);
  if (options.youngCalls) keepCallsYoung(server);
  // Without a grace one stream that never ends, e.g. a health watch, keeps its connection open permanently.
  const ageGraceMs = Math.min(options.maxConnectionAgeMs, LONGEST_AGE_GRACE_MS);
  const guard = new ConnectionGuard(server, { ...options, ageGraceMs }, proofs, streaming, onLimit);
  // Only now: the server must no longer trust the CAs that are gone.
  options.tls?.source.onChange((set) => proofs.keepTrusted(set));
  return {
    address: bound,
    load: () => guard.load,
    setHealth: health.setHealth,
    async stop(graceMs) {
      streams.stop();
      guard.drain();
      await stop(server, graceMs);
      guard.stop();
    },
  };
}

function bind(server: Server, address: string, credentials: ServerCredentials): Promise<string> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
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
