import { usage } from "./failure.ts";

/**
 * Refuses what cannot be a profile's name before it travels: a token in its place would reach the logs of the service.
 */
export function profileName(text: string): string {
  if (/^[a-z0-9-]{1,64}$/.test(text)) return text;
  throw usage("PROFILE must be 1 to 64 characters of a-z, 0-9 and -");
}
