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
import { plaintextAddress } from "./address.ts";
import { EXIT } from "./exit-codes.ts";
import { Failure } from "./failure.ts";
import { rpcFailure } from "./rpc-failure.ts";

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
