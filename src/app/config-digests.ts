import { createHash } from "node:crypto";
import type { Config } from "../config/config.ts";
import { sortedJson } from "../profile/sorted-json.ts";
import type { Digests } from "../replica/differences.ts";

/** Of what replicas that share their state must have alike: short, since nobody gains by making two that are equal. */
export function configDigests({ effective, keysets }: Pick<Config, "effective" | "keysets">): Digests {
  const sorted = keysets.toSorted((left, right) => (left.name < right.name ? -1 : 1));
  return {
    issuer: digestOf(effective.issuer),
    keysets: digestOf(sorted.map(({ name, algorithm }) => [name, algorithm])),
    rotation: digestOf(sorted.map(({ name, policy }) => [name, policy])),
  };
}

function digestOf(part: unknown): string {
  return createHash("sha256").update(sortedJson(part)).digest("base64url").slice(0, 16);
}
