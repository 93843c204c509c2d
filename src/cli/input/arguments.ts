import { isLoopback } from "../../config/checks.ts";
import { keyIdFault } from "../../problem/field-rules.ts";
import { usageError } from "../failure.ts";

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

/**
 * Refuses an address beyond this machine: calls are in clear text, and anyone on the network could steal the token.
 * Allowed are loopback (`127.0.0.1:50051`, `[::1]:50051`, `localhost:50051`) and a Unix socket (`unix:/path`).
 */
export function plaintextAddress(text: string): string {
  if (/^unix:./.test(text) || (/:\d{1,5}$/.test(text) && isLoopback(text))) return text;
  throw usageError("--address (SIGNET_ADDRESS) must be host:port on loopback, such as 127.0.0.1:50051, or unix:/path");
}
