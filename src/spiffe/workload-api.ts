import { type ClientReadableStream, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { backoff } from "../async/backoff.ts";
import { follow } from "../async/follow.ts";
import { type JWTBundlesResponse, SpiffeWorkloadAPIClient, type X509SVIDResponse } from "../gen/spiffe/workloadapi.ts";
import { SpiffeError } from "./spiffe-error.ts";

/** What gets the messages of a stream. */
interface StreamHandlers<Message> {
  /** Gets each message. What it throws is reported as an error of the stream. */
  readonly onMessage: (message: Message) => void;
  /** Gets a {@link SpiffeError} each time the stream fails or ends; it is opened again. MUST NOT throw. */
  readonly onError: (error: unknown) => void;
}

/** The SPIFFE Workload API over its Unix socket. It sends anew whatever changes, before it expires. */
export interface WorkloadApi {
  /** Resolves after the signal has aborted, as the others do. */
  followX509Svids(handlers: StreamHandlers<X509SVIDResponse>, signal: AbortSignal): Promise<void>;
  followJwtBundles(handlers: StreamHandlers<JWTBundlesResponse>, signal: AbortSignal): Promise<void>;
  close(): void;
}

/** SPIFFE Workload Endpoint, 4: a browser that is tricked into a request can't send it (SSRF). */
const SECURITY_HEADER = ["workload.spiffe.io", "true"] as const;

/** `socket`: as `unix:/path`. It is connected to when the first stream is followed. */
export function createWorkloadApi(socket: string): WorkloadApi {
  const client = new SpiffeWorkloadAPIClient(socket, credentials.createInsecure());

  function followStream<Message>(
    open: (metadata: Metadata) => ClientReadableStream<Message>,
    { onMessage, onError }: StreamHandlers<Message>,
    signal: AbortSignal,
  ): Promise<void> {
    let failures = 0;
    return follow(
      {
        source: (signal) => messages(open, socket, signal),
        onItem(message) {
          onMessage(message);
          failures = 0;
        },
        onError,
        pauseAfter() {
          failures += 1;
          return backoff(failures, Math.random());
        },
      },
      signal,
    );
  }

  return {
    followX509Svids: (handlers, signal) =>
      followStream((metadata) => client.fetchX509Svid({}, metadata), handlers, signal),
    followJwtBundles: (handlers, signal) =>
      followStream((metadata) => client.fetchJwtBundles({}, metadata), handlers, signal),
    close: () => client.close(),
  };
}

async function* messages<Message>(
  open: (metadata: Metadata) => ClientReadableStream<Message>,
  socket: string,
  signal: AbortSignal,
): AsyncGenerator<Message> {
  const metadata = new Metadata();
  metadata.set(...SECURITY_HEADER);
  const call = open(metadata);
  const cancel = (): void => call.cancel();
  signal.addEventListener("abort", cancel);
  try {
    yield* call as AsyncIterable<Message>;
  } catch (error) {
    throw errorOf(error as ServiceError, socket);
  } finally {
    signal.removeEventListener("abort", cancel);
    cancel();
  }
  throw new SpiffeError("UNREACHABLE", `the SPIFFE Workload API at ${socket} has ended its stream`);
}

/** SPIFFE Workload API, 4.6: PERMISSION_DENIED where no identity is registered for the caller. */
function errorOf(cause: ServiceError, socket: string): SpiffeError {
  const denied = cause.code === status.PERMISSION_DENIED;
  const message = denied ? "has no identity for this process" : `can't be read: ${status[cause.code] ?? cause.code}`;
  return new SpiffeError(denied ? "DENIED" : "UNREACHABLE", `the SPIFFE Workload API at ${socket} ${message}`, {
    cause,
  });
}
