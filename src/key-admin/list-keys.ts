import type { Config } from "../config/config.ts";
import type { Secrets } from "../keys/imported/secrets.ts";
import type { Keyring } from "../keys/rotating/keyring.ts";
import { Problem } from "../problem/problem.ts";
import { createWatchKeys } from "./watch-keys.ts";

/** The read-only calls on the keys of all keysets and on the imported secrets. */
export function createKeyViews(
  { jwksMaxAgeSeconds }: Pick<Config, "jwksMaxAgeSeconds">,
  keyrings: ReadonlyMap<string, Keyring>,
  retired: readonly Keyring[],
  secrets: Secrets,
  now: () => number,
) {
  const all = new Map([...keyrings, ...retired.map((ring) => [ring.keyset, ring] as const)]);
  const listKeys = (keyset: string) => {
    if (keyset !== "") return ringOf(all, keyset).list(now());
    return [...[...all.values()].flatMap((ring) => ring.list(now())), ...secrets.list(now())];
  };
  return {
    jwks(keyset?: string) {
      const isShown = (name: string) => keyset === undefined || name === keyset;
      return {
        keys: [...all.values()].filter((ring) => isShown(ring.keyset)).flatMap((ring) => ring.jwks(now())),
        maxAgeSeconds: jwksMaxAgeSeconds,
      };
    },
    listKeys,
    watchKeys: createWatchKeys(listKeys),
    planRotation: (keyset: string) => ringOf(keyrings, keyset).plan(now()),
  };
}

/** Throws the Problem KEYSET_NOT_FOUND. */
export function ringOf(keyrings: ReadonlyMap<string, Keyring>, keyset: string): Keyring {
  const keyring = keyrings.get(keyset);
  if (keyring === undefined) throw new Problem("KEYSET_NOT_FOUND", "there is no such keyset");
  return keyring;
}
