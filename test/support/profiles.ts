import { readFileSync } from "node:fs";
import { parseProfile } from "../../src/profile/load.ts";
import type { Profile } from "../../src/profile/profile.ts";

export const ISSUER = "https://issuer.test";

/** The profile `service` as it ships. */
export function serviceProfile(): Profile {
  const file = new URL("../../profiles/service.yaml", import.meta.url);
  const profile = parseProfile(readFileSync(file, "utf8"), "service.yaml", ISSUER);
  if (Array.isArray(profile)) throw new Error(JSON.stringify(profile));
  return profile;
}
