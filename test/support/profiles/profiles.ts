import { readFileSync } from "node:fs";
import { compileProfile } from "../../../src/profile/compile/compile.ts";
import type { Profile } from "../../../src/profile/model/profile.ts";
import { formatFault } from "../../../src/schema/fault.ts";

export const ISSUER = "https://issuer.test";

/** The text of a profile that ships. */
export function shippedText(name: string): string {
  return readFileSync(new URL(`../../../profiles/${name}.yaml`, import.meta.url), "utf8");
}

/** A profile that ships, or an edited copy of it. A fault in it fails the test. */
export function shippedProfile(name: string, edit: (text: string) => string = (text) => text): Profile {
  return profileOf(edit(shippedText(name)), `${name}.yaml`);
}

/** The profile `service` as it ships. */
export function serviceProfile(): Profile {
  return shippedProfile("service");
}

/** The profile that a file's text describes. A fault in it fails the test. */
export function profileOf(text: string, file = "test.yaml"): Profile {
  const profile = compileProfile(text, file, ISSUER);
  if (Array.isArray(profile)) throw new Error(profile.map(formatFault).join("\n"));
  return profile;
}
