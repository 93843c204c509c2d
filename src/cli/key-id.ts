import { usage } from "./failure.ts";

/** Refuses what cannot be a `kid` before it travels: a token in its place would reach the logs of the service. */
export function keyId(text: string): string {
  if (/^[A-Za-z0-9_-]{1,64}$/.test(text)) return text;
  throw usage("KID must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -");
}
