/**
 * The attributes of spans, by the semantic conventions of OpenTelemetry 1.45, and those of Signet itself. A test holds
 * the former equal to `@opentelemetry/semantic-conventions`, which this does not load: it has thousands of names.
 */
export const ATTRIBUTE = {
  rpcSystem: "rpc.system.name",
  rpcMethod: "rpc.method",
  rpcStatus: "rpc.response.status_code",
  errorType: "error.type",
  serverAddress: "server.address",
  serverPort: "server.port",
  messagingSystem: "messaging.system",
  messagingOperation: "messaging.operation.name",
  messagingOperationType: "messaging.operation.type",
  messagingDestination: "messaging.destination.name",
  messagingMessageId: "messaging.message.id",
  caller: "signet.caller",
  profile: "signet.profile",
  reason: "signet.reason",
  eventType: "signet.event.type",
} as const;

/** The attributes of the resource, that is, of this process. */
export const RESOURCE = {
  name: "service.name",
  version: "service.version",
  instance: "service.instance.id",
} as const;

/** The gRPC statuses for which a server span is an error: the client can do nothing about them. */
export const SERVER_ERRORS: ReadonlySet<string> = new Set([
  "UNKNOWN",
  "DEADLINE_EXCEEDED",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
]);
