import {
  type CallOptions,
  type ChannelCredentials,
  type Client,
  connectivityState,
  type Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { BadRequest, ErrorInfo, RetryInfo } from "../gen/google/rpc/error_details.ts";
import { Status } from "../gen/google/rpc/status.ts";
import { createConnection } from "./connection/connection.ts";
import type { Target } from "./connection/target.ts";
import { TlsCredentials } from "./connection/tls-credentials.ts";
import { unreachable } from "./connection/unreachable.ts";
import { Failure, type FailureReport } from "./failure.ts";
import type { Io } from "./io.ts";
import { withProgress } from "./output/progress.ts";
import { durationText } from "./output/proto-json.ts";
import { printable } from "./output/safe-text.ts";

type ClientType<C> = new (address: string, security: ChannelCredentials, options: object) => C;

/** What gRPC answers where there is no connection. */
const MEANS_UNREACHABLE: readonly number[] = [status.UNAVAILABLE, status.DEADLINE_EXCEEDED];

const CHANNEL = {
  // A proxy from the environment, or a service config from DNS, would send the call elsewhere.
  "grpc.enable_http_proxy": 0,
  "grpc.service_config_disable_resolution": 1,
  // The default limit of 4 MiB is too small for the keys of many tenants.
  "grpc.max_receive_message_length": 256 * 1024 * 1024,
};

/** What to do with a client, and what with the answer. */
type Invoke<C, A> = (
  client: C,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, answer: A) => void,
) => unknown;

/** Makes one call as {@link request} does, and shows on a terminal that it waits. */
export function call<C extends Client, A>(
  io: Io,
  Type: ClientType<C>,
  target: Target & { readonly json?: boolean },
  invoke: Invoke<C, A>,
): Promise<A> {
  return withProgress(io, target, `waiting for ${printable(target.address)}`, () => request(Type, target, invoke));
}

/**
 * Makes one call over a connection of its own.
 *
 * @throws Failure with the error that the service answered, or with why there is no connection to it
 */
export async function request<C extends Client, A>(
  Type: ClientType<C>,
  target: Target,
  invoke: Invoke<C, A>,
): Promise<A> {
  const { address, credentials, metadata, transport } = await createConnection(target);
  const client = new Type(address, credentials, CHANNEL);
  // gRPC compares the deadline with the system clock, not with io.now.
  const deadline = Date.now() + target.timeout;
  try {
    return await new Promise<A>((resolve, reject) => {
      invoke(client, metadata, { deadline }, (error, answer) => (error === null ? resolve(answer) : reject(error)));
    });
  } catch (error) {
    const refused = error as ServiceError;
    const tls = credentials instanceof TlsCredentials ? credentials : undefined;
    if (isConnected(client) || !MEANS_UNREACHABLE.includes(refused.code)) throw rpcFailure(refused);
    throw await unreachable(refused, target, transport, tls);
  } finally {
    client.close();
  }
}

function isConnected(client: Client): boolean {
  return client.getChannel().getConnectivityState(false) === connectivityState.READY;
}

/** Converts a gRPC error and the details in its `grpc-status-details-bin`. */
function rpcFailure(error: ServiceError): Failure {
  return new Failure({
    code: status[error.code] ?? String(error.code),
    message: error.details,
    ...richDetails(error),
  });
}

function richDetails(error: ServiceError): Partial<FailureReport> {
  const [encoded] = error.metadata?.get("grpc-status-details-bin") ?? [];
  if (!(encoded instanceof Uint8Array)) return {};
  try {
    return Object.assign({}, ...Status.decode(encoded).details.map(detail));
  } catch {
    // The code and the message are still good when a proxy has truncated the details.
    return {};
  }
}

function detail({ typeUrl, value }: { typeUrl: string; value: Uint8Array }): Partial<FailureReport> {
  switch (typeUrl.slice(typeUrl.lastIndexOf("/") + 1)) {
    case "google.rpc.ErrorInfo":
      return { reason: ErrorInfo.decode(value).reason };
    case "google.rpc.BadRequest":
      return {
        violations: BadRequest.decode(value).fieldViolations.map(({ field, description }) => ({ field, description })),
      };
    case "google.rpc.RetryInfo": {
      const { retryDelay } = RetryInfo.decode(value);
      return retryDelay === undefined ? {} : { retryDelay: durationText(retryDelay) };
    }
    default:
      return {};
  }
}
