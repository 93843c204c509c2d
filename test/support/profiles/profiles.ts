import { readFileSync } from "node:fs";
import { compileProfile } from "../../../src/profile/compile/compile.ts";
import type { Profile } from "../../../src/profile/model/profile.ts";
import { formatFault } from "../../../src/schema/fault.ts";

export const ISSUER = "https://issuer.test";

/** The text of a shipped profile. */
export function shippedText(name: string): string {
  return readFileSync(new URL(`../../../profiles/${name}.yaml`, import.meta.url), "utf8");
}

/** A shipped profile, or an edited copy. Throws if it has faults. */
export function shippedProfile(name: string, edit: (text: string) => string = (text) => text): Profile {
  return profileOf(edit(shippedText(name)), `${name}.yaml`);
}

/** The profile `service` as it ships. */
export function serviceProfile(): Profile {
  return shippedProfile("service");
}

/** Compiles the text of a profile file. Throws if it has faults. */
export function profileOf(text: string, file = "test.yaml"): Profile {
  const profile = compileProfile(text, file, ISSUER);
  if (Array.isArray(profile)) throw new Error(profile.map(formatFault).join("\n"));
  return profile;
}
