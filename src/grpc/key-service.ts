import {
  type GetJwksResponse,
  type ImportKeyRequest,
  type ImportKeyResponse,
  type Jwk,
  type Key,
  keyStateFromJSON,
  type ListKeysRequest,
  type ListKeysResponse,
  SecretEncoding,
} from "../gen/signet/v1/keys.ts";
import type { ImportKey } from "../keyring/importing.ts";
import type { SecretInfo } from "../keyring/secret-views.ts";
import type { JwksKey, KeyInfo } from "../keyring/views.ts";
import type { SecretEncoding as Encoding } from "../profile/profile.ts";

/** What the key service serves, in the words of the domain. */
export interface KeyService {
  jwks(): { readonly keys: readonly JwksKey[]; readonly maxAgeSeconds: number };
  /** The keys of one keyset, or all keys and imported secrets when it is empty. Throws the Problem KEYSET_NOT_FOUND. */
  listKeys(keyset: string): readonly (KeyInfo | SecretInfo)[];
  readonly importKey: ImportKey;
}

/** The methods of `KeyService` as handlers. */
export function keyHandlers(service: KeyService) {
  return {
    getJwks: (): GetJwksResponse => {
      const { keys, maxAgeSeconds } = service.jwks();
      return { keys: keys.map(jwkMessage), maxAge: { seconds: BigInt(maxAgeSeconds), nanos: 0 } };
    },

    listKeys: ({ keyset }: ListKeysRequest): ListKeysResponse => ({ keys: service.listKeys(keyset).map(keyMessage) }),

    importKey: async (request: ImportKeyRequest, caller: string): Promise<ImportKeyResponse> => {
      const imported = await service.importKey({ ...request, encoding: ENCODINGS.get(request.encoding) }, caller);
      return {
        key: keyMessage(imported.key),
        overlapping: imported.overlapping,
        overlapUntil: date(imported.overlapUntil),
        warnings: [...imported.warnings],
      };
    },
  };
}

const ENCODINGS: ReadonlyMap<SecretEncoding, Encoding> = new Map([
  [SecretEncoding.SECRET_ENCODING_UTF8, "utf8"],
  [SecretEncoding.SECRET_ENCODING_BASE64, "base64"],
  [SecretEncoding.SECRET_ENCODING_BASE64URL, "base64url"],
  [SecretEncoding.SECRET_ENCODING_HEX, "hex"],
]);

function jwkMessage(key: JwksKey): Jwk {
  return { crv: "", x: "", y: "", n: "", e: "", ...key };
}

const NO_KEYSET = { keyset: "", publishAt: undefined };
const NO_SECRET = { profile: "", tenant: "", byteLength: 0, fingerprint: "" };
const NOTHING_MORE = { revokedAt: undefined, waitsFor: [] };

function keyMessage({ kid, alg, state, epoch, ...key }: KeyInfo | SecretInfo): Key {
  return {
    ...NOTHING_MORE,
    ...("keyset" in key ? { ...NO_SECRET, ...key, publishAt: date(key.publishAt) } : { ...NO_KEYSET, ...key }),
    keyId: kid,
    algorithm: alg,
    state: keyStateFromJSON(`KEY_STATE_${state.toUpperCase()}`),
    signFrom: date(key.signFrom),
    signUntil: date(key.signUntil),
    verifyUntil: date(key.verifyUntil),
    epoch: BigInt(epoch),
  };
}

function date(time: number | undefined): Date | undefined {
  return time === undefined ? undefined : new Date(time);
}
