import { isLoopback } from "../config/loopback.ts";
import { usage } from "./failure.ts";

/**
 * Refuses an address that the network would carry in clear text: a token that anybody on the way can read is stolen.
 * Allowed are loopback (`127.0.0.1:50051`, `[::1]:50051`, `localhost:50051`) and a Unix socket (`unix:/path`).
 */
export function plaintextAddress(text: string): string {
  if (/^unix:./.test(text) || (/:\d{1,5}$/.test(text) && isLoopback(text))) return text;
  throw usage("--address (SIGNET_ADDRESS) must be host:port on loopback, such as 127.0.0.1:50051, or unix:/path");
}
