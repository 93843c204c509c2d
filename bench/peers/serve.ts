import { type handleUnaryCall, Server, ServerCredentials } from "@grpc/grpc-js";
import { type TokenServiceServer, TokenServiceService } from "../../src/gen/signet/v1/token.ts";
import { keepCallsYoung } from "../../src/grpc/process/young-calls.ts";

/** The methods that are measured. */
type Handlers = Pick<TokenServiceServer, "issueToken" | "verifyToken">;

/**
 * Serves on a random loopback port, prints the address in the format of the service's log, and ends on SIGTERM. With the
 * argument `young` it treats its streams as the service does.
 */
export function serve(handlers: Handlers): void {
  const server = new Server();
  server.addService(TokenServiceService, handlers);
  server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
    if (error) throw error;
    if (process.argv.includes("young")) keepCallsYoung(server);
    process.stdout.write(`${JSON.stringify({ event: "ready", grpc: `127.0.0.1:${port}` })}\n`);
  });
  process.once("SIGTERM", () => {
    server.forceShutdown();
    process.exit(0);
  });
}

/** A handler for a function that answers synchronously. */
export function syncHandler<Q, A>(answer: (request: Q) => A): handleUnaryCall<Q, A> {
  return (call, callback) => callback(null, answer(call.request));
}

/** A handler for a function that answers with a promise. */
export function asyncHandler<Q, A>(answer: (request: Q) => Promise<A>): handleUnaryCall<Q, A> {
  return (call, callback) => {
    answer(call.request).then(
      (response) => callback(null, response),
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), null),
    );
  };
}
