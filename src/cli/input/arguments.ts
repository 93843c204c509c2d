import { isLoopback } from "../../config/checks.ts";
import { usage } from "../failure.ts";

/**
 * Refuses what cannot be a profile's name before it travels: a token in its place would reach the logs of the service.
 */
export function profileName(text: string): string {
  if (/^[a-z0-9-]{1,64}$/.test(text)) return text;
  throw usage("PROFILE must be 1 to 64 characters of a-z, 0-9 and -");
}

/** Refuses what cannot be a `kid` before it travels: a token in its place would reach the logs of the service. */
export function keyId(text: string): string {
  if (/^[A-Za-z0-9_-]{1,64}$/.test(text)) return text;
  throw usage("KID must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -");
}

/**
 * Refuses an address that the network would carry in clear text: a token that anybody on the way can read is stolen.
 * Allowed are loopback (`127.0.0.1:50051`, `[::1]:50051`, `localhost:50051`) and a Unix socket (`unix:/path`).
 */
export function plaintextAddress(text: string): string {
  if (/^unix:./.test(text) || (/:\d{1,5}$/.test(text) && isLoopback(text))) return text;
  throw usage("--address (SIGNET_ADDRESS) must be host:port on loopback, such as 127.0.0.1:50051, or unix:/path");
}
