import type { Caller } from "../caller.ts";
import type { Keyring, Rotation } from "../keys/rotating/keyring.ts";
import { keysetUnavailable } from "../keys/unavailable.ts";
import { NO_TIME } from "../problem/field-rules.ts";
import { invalidRequest } from "../problem/problem.ts";

/** Shaped as the contract's `RotateKeysRequest`. */
interface RotateRequest {
  readonly keyset: string;
  readonly at: Date | undefined;
}

/** Lets the next key of a keyset take over early, for `caller`. Rejects with a Problem. */
export type RotateKeys = (request: RotateRequest, caller: Caller) => Promise<Rotation>;

/** `ringOf` throws the Problem KEYSET_NOT_FOUND; `requireFit` throws one when this replica may not make keys. */
export function createRotateKeys(ringOf: (keyset: string) => Keyring, requireFit: () => void): RotateKeys {
  return async ({ keyset, at }, caller) => {
    const keyring = ringOf(keyset);
    const time = at?.getTime();
    if (time !== undefined && !Number.isSafeInteger(time))
      throw invalidRequest([{ field: "at", description: NO_TIME }]);
    requireFit();
    return keyring.rotate(time, caller).catch((error) => {
      throw keysetUnavailable(error, keyset);
    });
  };
}
