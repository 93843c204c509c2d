import {
  type GetJwksResponse,
  type Jwk,
  type Key,
  keyStateFromJSON,
  type ListKeysRequest,
  type ListKeysResponse,
} from "../gen/signet/v1/keys.ts";
import type { KeyInfo } from "../keyring/views.ts";

/** What the key service serves, in the words of the domain. */
export interface KeyService {
  jwks(): { readonly keys: readonly Jwk[]; readonly maxAgeSeconds: number };
  /** The keys of one keyset, or of every one when it is empty. Throws the Problem KEYSET_NOT_FOUND. */
  listKeys(keyset: string): readonly KeyInfo[];
}

/** The two methods of `KeyService` as handlers. */
export function keyHandlers(service: KeyService) {
  return {
    getJwks: (): GetJwksResponse => {
      const { keys, maxAgeSeconds } = service.jwks();
      return { keys: [...keys], maxAge: { seconds: BigInt(maxAgeSeconds), nanos: 0 } };
    },

    listKeys: ({ keyset }: ListKeysRequest): ListKeysResponse => ({ keys: service.listKeys(keyset).map(keyMessage) }),
  };
}

function keyMessage(key: KeyInfo): Key {
  return {
    keyset: key.keyset,
    keyId: key.kid,
    algorithm: key.alg,
    state: keyStateFromJSON(`KEY_STATE_${key.state.toUpperCase()}`),
    publishAt: new Date(key.publishAt),
    signFrom: new Date(key.signFrom),
    signUntil: new Date(key.signUntil),
    verifyUntil: new Date(key.verifyUntil),
    epoch: BigInt(key.epoch),
  };
}
