import {
  type CallOptions,
  type ChannelCredentials,
  type Client,
  connectivityState,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { BadRequest, ErrorInfo, RetryInfo } from "../gen/google/rpc/error_details.ts";
import { Status } from "../gen/google/rpc/status.ts";
import { EXIT, Failure, type FailureReport } from "./failure.ts";
import { plaintextAddress } from "./input/arguments.ts";
import { durationText } from "./output/proto-json.ts";

/** The address of the service, and the deadline of a call in milliseconds. */
export interface Target {
  readonly address: string;
  readonly timeout: number;
}

type ClientType<C> = new (address: string, security: ChannelCredentials, options: object) => C;
type Callback<A> = (error: ServiceError | null, answer: A) => void;

const CHANNEL = {
  // A proxy from the environment, or a service config from DNS, would send the call elsewhere.
  "grpc.enable_http_proxy": 0,
  "grpc.service_config_disable_resolution": 1,
  // The default limit of 4 MiB is too small for the keys of many tenants.
  "grpc.max_receive_message_length": 256 * 1024 * 1024,
};

/**
 * Makes one call over a connection of its own.
 *
 * @throws Failure with the error that the service answered, or UNAVAILABLE if no service answers at the address
 */
export async function call<C extends Client, A>(
  Type: ClientType<C>,
  { address, timeout }: Target,
  invoke: (client: C, metadata: Metadata, options: Partial<CallOptions>, callback: Callback<A>) => unknown,
): Promise<A> {
  const client = new Type(plaintextAddress(address), credentials.createInsecure(), CHANNEL);
  // gRPC compares the deadline with the system clock, not with io.now.
  const deadline = Date.now() + timeout;
  return new Promise<A>((resolve, reject) => {
    invoke(client, new Metadata(), { deadline }, (error, answer) => {
      if (error === null) resolve(answer);
      else reject(isConnected(client) ? rpcFailure(error) : unreachable(error, address));
    });
  }).finally(() => client.close());
}

function isConnected(client: Client): boolean {
  return client.getChannel().getConnectivityState(false) === connectivityState.READY;
}

function unreachable(error: ServiceError, address: string): Failure {
  if (error.code !== status.UNAVAILABLE && error.code !== status.DEADLINE_EXCEEDED) return rpcFailure(error);
  const message = `no Signet answers at ${address} (start one with: make run)`;
  return new Failure({ code: status[error.code], message }, EXIT.failed, { cause: error });
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
