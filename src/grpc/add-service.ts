import type { FileRegistry } from "@bufbuild/protobuf";
import type { MethodDefinition, Server, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import type { CallTracing } from "../trace/call-trace.ts";
import type { Gate } from "./gate.ts";
import { countingCalls, countingStreams } from "./open-calls.ts";
import { admittingReader } from "./questions.ts";
import { type Naming, type StreamHandler, type StreamLimits, serverStream } from "./server-stream.ts";
import { traced } from "./traced.ts";
import { bytesOnly, type Handler, type OnCall, unary } from "./unary.ts";
import { requestDecoder } from "./wire/decode-request.ts";

/** What all methods share. */
export interface Serving extends StreamLimits {
  readonly registry: FileRegistry;
  readonly gate: Gate;
  readonly naming: Naming;
  readonly onCall: OnCall;
  readonly calls: CallTracing | undefined;
}

/** Adds a service of the contract. Its handlers are named as its methods are. */
export function addService(
  server: Server,
  definition: ServiceDefinition,
  handlers: Readonly<Record<string, Handler<never, unknown> | StreamHandler<never, unknown>>>,
  { registry, gate, naming, onCall, calls, ...limits }: Serving,
): void {
  const { access, open } = gate;
  const methods: Record<string, MethodDefinition<Buffer, Buffer>> = {};
  const implementation: UntypedServiceImplementation = {};
  for (const [name, method] of Object.entries(definition)) {
    const handler = handlers[name];
    if (handler === undefined) throw new Error(`${method.path} has no handler`);
    methods[name] = bytesOnly(method);
    const served = { ...method, read: admittingReader(method.path, requestDecoder(method, registry), access) };
    const stream = (onCall: OnCall) =>
      serverStream(served, countingStreams(handler as StreamHandler<unknown, unknown>, open), naming, limits, onCall);
    const call = (onCall: OnCall) =>
      unary(served, countingCalls(handler as Handler<unknown, unknown>, open), naming.nameCaller, onCall);
    implementation[name] = method.responseStream
      ? traced(method.path, stream, onCall, calls)
      : traced(method.path, call, onCall, calls);
  }
  server.addService(methods, implementation);
}
