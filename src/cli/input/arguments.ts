import { isLoopback } from "../../config/checks.ts";
import { keyIdFault } from "../../problem/field-rules.ts";
import { usageError } from "../failure.ts";
import type { Io } from "../io.ts";

/** Checks a profile's name before the call, since a token passed by mistake would reach the logs of the service. */
export function profileName(text: string): string {
  if (/^[a-z0-9-]{1,64}$/.test(text)) return text;
  throw usageError("PROFILE must be 1 to 64 characters of a-z, 0-9 and -");
}

/** Checks a `kid` before the call, since a token passed by mistake would reach the logs of the service. */
export function keyId(text: string): string {
  const fault = keyIdFault(text);
  if (fault === undefined) return text;
  throw usageError(`KID ${fault}`);
}

/** Where a command takes the address of the service from, in this order. */
const ADDRESS_SOURCES = "--address (else SIGNET_ADDRESS, else SIGNET_GRPC_ADDRESS)";
const DEFAULT_ADDRESS = "127.0.0.1:50051";

/**
 * The address of the service by the environment. SIGNET_GRPC_ADDRESS is where the service listens, which is where it is
 * reached; SIGNET_ADDRESS is for the commands alone, where the two differ. An empty variable counts as unset.
 */
export function addressFrom(env: Io["env"]): string {
  return env.SIGNET_ADDRESS || env.SIGNET_GRPC_ADDRESS || DEFAULT_ADDRESS;
}

/**
 * Refuses an address beyond this machine: calls are in clear text, and anyone on the network could steal the token.
 * Allowed are loopback (`127.0.0.1:50051`, `[::1]:50051`, `localhost:50051`) and a Unix socket (`unix:/path`).
 */
export function plaintextAddress(text: string): string {
  const port = Number(/:(\d{1,5})$/.exec(text)?.[1] ?? Number.NaN);
  if (/^unix:./.test(text) || (port >= 1 && port <= 65_535 && isLoopback(text))) return text;
  throw usageError(
    `${ADDRESS_SOURCES} must be host:port on loopback, such as 127.0.0.1:50051, or unix:/path` +
      (port === 0 ? "; with port 0 the system chooses the port: give the one that the service logs" : ""),
  );
}
