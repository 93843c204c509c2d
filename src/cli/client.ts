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

/** Where the service is, and how many milliseconds it has to answer. */
export interface Target {
  readonly address: string;
  readonly timeout: number;
}

type ClientType<C> = new (address: string, security: ChannelCredentials, options: object) => C;
type Callback<A> = (error: ServiceError | null, answer: A) => void;

const CHANNEL = {
  // A proxy of the environment or a service config from DNS would carry the call somewhere else than it says.
  "grpc.enable_http_proxy": 0,
  "grpc.service_config_disable_resolution": 1,
  // grpc-js refuses more than 4 MiB, which the keys of many tenants take.
  "grpc.max_receive_message_length": 256 * 1024 * 1024,
};

/**
 * Makes one call over a connection of its own.
 *
 * @throws Failure with what the service answered, or that none answers there.
 */
export async function call<C extends Client, A>(
  Type: ClientType<C>,
  { address, timeout }: Target,
  invoke: (client: C, metadata: Metadata, options: Partial<CallOptions>, callback: Callback<A>) => unknown,
): Promise<A> {
  const client = new Type(plaintextAddress(address), credentials.createInsecure(), CHANNEL);
  // gRPC compares the deadline with the machine's clock, so it is made from that one.
  const deadline = Date.now() + timeout;
  return new Promise<A>((resolve, reject) => {
    invoke(client, new Metadata(), { deadline }, (error, answer) => {
      if (error === null) resolve(answer);
      else reject(isConnected(client) ? rpcFailure(error) : unreached(error, address));
    });
  }).finally(() => client.close());
}

function isConnected(client: Client): boolean {
  return client.getChannel().getConnectivityState(false) === connectivityState.READY;
}

function unreached(error: ServiceError, address: string): Failure {
  if (error.code !== status.UNAVAILABLE && error.code !== status.DEADLINE_EXCEEDED) return rpcFailure(error);
  const message = `no Signet answers at ${address} (start one with: make run)`;
  return new Failure({ code: status[error.code], message }, EXIT.failed, { cause: error });
}

/** A gRPC error with all that its `grpc-status-details-bin` tells. */
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
    // The code and the message stand without details that some proxy has cut.
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
