import { create, createFileRegistry, type FileRegistry } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import {
  type Server,
  ServerInterceptingCall,
  type ServerInterceptor,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { toServiceError } from "../status.ts";
import { requestDecoder } from "../wire/decode-request.ts";
import { filesOf } from "./library-files.ts";

type Method = ServiceDefinition[string];

/** A service that a library implements: health or reflection. */
interface LibraryService {
  addToServer(server: Server): void;
}

/** Takes the place of a request that could not be decoded. */
class Undecodable {
  readonly problem: unknown;

  constructor(problem: unknown) {
    this.problem = problem;
  }
}

/**
 * Adds the service, and returns the paths of its methods that stream. It has the strict decoder of requests that our
 * own methods have. grpc-js answers INTERNAL when a decoder throws, so this one does not: {@link refuseUndecodable},
 * which the server must have, answers instead.
 */
export function addLibraryService(server: Server, library: LibraryService): string[] {
  const streams: string[] = [];
  const addService = (definition: ServiceDefinition, implementation: UntypedServiceImplementation): void => {
    streams.push(...streamsOf(definition));
    const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: filesOf(definition) }));
    const methods = Object.entries(definition).map(([name, method]) => [name, withStrictDecoder(method, registry)]);
    server.addService(Object.fromEntries(methods), implementation);
  };
  library.addToServer({ addService } as Server);
  return streams;
}

/** The paths of the methods that stream. */
export function streamsOf(definition: ServiceDefinition): string[] {
  const streaming = Object.values(definition).filter(
    ({ requestStream, responseStream }) => requestStream || responseStream,
  );
  return streaming.map(({ path }) => path);
}

function withStrictDecoder(method: Method, registry: FileRegistry): Method {
  const decode = requestDecoder(method, registry);
  const requestDeserialize = (bytes: Buffer): unknown => {
    try {
      return decode(bytes);
    } catch (problem) {
      return new Undecodable(problem);
    }
  };
  return { ...method, requestDeserialize };
}

/** Whether a method is of our own services, which answer undecodable requests and wait for slow readers themselves. */
export function isOwn(path: string): boolean {
  return path.startsWith("/signet.");
}

/** Ends a call of a library's service as UNDECODABLE, in place of its handler. */
export const refuseUndecodable: ServerInterceptor = ({ path }, call) => {
  // The type asks for a wrapper, which our own calls need not pay for; grpc-js itself takes any call.
  if (isOwn(path)) return call as ServerInterceptingCall;
  let refused = false;
  return new ServerInterceptingCall(call, {
    start: (next) =>
      next({
        onReceiveMessage(message, forward) {
          if (refused) return;
          if (!(message instanceof Undecodable)) return forward(message);
          refused = true;
          call.sendStatus(toServiceError(message.problem));
        },
        onReceiveHalfClose(forward) {
          // A handler that has not seen its request would answer a second time.
          if (!refused) forward();
        },
      }),
  });
};
