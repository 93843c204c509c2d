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

const DEFAULT_ADDRESS = "127.0.0.1:50051";

/**
 * The address of the service by the environment. SIGNET_GRPC_ADDRESS is where the service listens, which is where it is
 * reached; SIGNET_ADDRESS is for the commands alone, where the two differ. An empty variable counts as unset.
 */
export function addressFrom(env: Io["env"]): string {
  return env.SIGNET_ADDRESS || env.SIGNET_GRPC_ADDRESS || DEFAULT_ADDRESS;
}
