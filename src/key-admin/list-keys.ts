import type { Config } from "../config/config.ts";
import type { Secrets } from "../keys/imported/secrets.ts";
import type { Keyring } from "../keys/rotating/keyring.ts";
import { jwksMaxAge } from "../keys/rotating/policy.ts";
import { Problem } from "../problem/problem.ts";
import { createWatchKeys } from "./watch-keys.ts";

/** The read-only calls on the keys of all keysets and on the imported secrets. */
export function createKeyViews(
  { keysets }: Config,
  keyrings: ReadonlyMap<string, Keyring>,
  secrets: Secrets,
  now: () => number,
) {
  const listKeys = (keyset: string) => {
    if (keyset !== "") return ringOf(keyrings, keyset).list(now());
    return [...[...keyrings.values()].flatMap((ring) => ring.list(now())), ...secrets.list(now())];
  };
  return {
    jwks(keyset?: string) {
      const isShown = (name: string) => keyset === undefined || name === keyset;
      return {
        keys: [...keyrings.values()].filter((ring) => isShown(ring.keyset)).flatMap((ring) => ring.jwks(now())),
        maxAgeSeconds: Math.min(...keysets.filter(({ name }) => isShown(name)).map(({ policy }) => jwksMaxAge(policy))),
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
