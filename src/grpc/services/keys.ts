import type { Access } from "../../access/question.ts";
import type { Caller } from "../../caller.ts";
import {
  type GetJwksRequest,
  type GetJwksResponse,
  type ImportKeyRequest,
  type ImportKeyResponse,
  type Jwk,
  type Key,
  keyStateFromJSON,
  type ListKeysRequest,
  type ListKeysResponse,
  type PlanRotationRequest,
  type PlanRotationResponse,
  type RevokeKeyRequest,
  type RevokeKeyResponse,
  type RotateKeysRequest,
  type RotateKeysResponse,
  SecretEncoding,
  type WatchKeysRequest,
  type WatchKeysResponse,
} from "../../gen/signet/v1/keys.ts";
import type { ImportSecret } from "../../key-admin/import-secret.ts";
import type { RevokeKey } from "../../key-admin/revoke-key.ts";
import type { RotateKeys } from "../../key-admin/rotate-keys.ts";
import type { WatchKeys } from "../../key-admin/watch-keys.ts";
import type { SecretInfo } from "../../keys/imported/views.ts";
import type { SecretEncoding as Encoding } from "../../keys/model.ts";
import type { RotationPlan } from "../../keys/rotating/forecast.ts";
import type { JwksKey, KeyInfo } from "../../keys/rotating/views.ts";
import { importKeyQuestion, revokeKeyQuestion } from "../questions.ts";
import { whileAdmitted } from "../while-admitted.ts";
import { durationOfMs, durationOfSeconds, timestampOfMs } from "../wire/times.ts";

/** What the key service does, in terms of the domain. */
export interface KeyService {
  /** The public keys of one keyset, or of all. */
  jwks(keyset?: string): { readonly keys: readonly JwksKey[]; readonly maxAgeSeconds: number };
  /** The keys of one keyset. "": all keys and imported secrets. Throws the Problem KEYSET_NOT_FOUND. */
  listKeys(keyset: string): readonly (KeyInfo | SecretInfo)[];
  readonly importKey: ImportSecret;
  /** Throws the Problem KEYSET_NOT_FOUND. */
  planRotation(keyset: string): RotationPlan;
  readonly rotateKeys: RotateKeys;
  readonly revokeKey: RevokeKey;
  readonly watchKeys: WatchKeys<KeyInfo | SecretInfo>;
}

/** Handlers of the methods of `KeyService`. */
export function keyHandlers(service: KeyService, access: Access) {
  return {
    getJwks(_: GetJwksRequest, caller: Caller): GetJwksResponse {
      access.admit(caller, { method: "GetJwks" });
      const { keys, maxAgeSeconds } = service.jwks();
      return { keys: keys.map(jwkMessage), maxAge: durationOfSeconds(maxAgeSeconds) };
    },

    listKeys({ keyset }: ListKeysRequest, caller: Caller): ListKeysResponse {
      access.admit(caller, { method: "ListKeys" });
      return { keys: service.listKeys(keyset).map(keyMessage) };
    },

    async importKey(request: ImportKeyRequest, caller: Caller): Promise<ImportKeyResponse> {
      access.admit(caller, importKeyQuestion(request));
      const imported = await service.importKey({ ...request, encoding: ENCODINGS.get(request.encoding) }, caller);
      return {
        key: keyMessage(imported.key),
        overlapping: imported.overlapping,
        overlapUntil: timestampOfMs(imported.overlapUntil),
        warnings: [...imported.warnings],
      };
    },

    planRotation({ keyset }: PlanRotationRequest, caller: Caller): PlanRotationResponse {
      access.admit(caller, { method: "PlanRotation" });
      return planMessage(service.planRotation(keyset));
    },

    async rotateKeys(request: RotateKeysRequest, caller: Caller): Promise<RotateKeysResponse> {
      access.admit(caller, { method: "RotateKeys" });
      const { kid, signFrom, epoch } = await service.rotateKeys(request, caller);
      return { keyId: kid, signFrom: timestampOfMs(signFrom), epoch: BigInt(epoch) };
    },

    async revokeKey(request: RevokeKeyRequest, caller: Caller): Promise<RevokeKeyResponse> {
      access.admit(caller, revokeKeyQuestion(request));
      const { signingKid, epoch, informed, late, knownEverywhereAt } = await service.revokeKey(request, caller);
      return {
        signingKeyId: signingKid ?? "",
        epoch: BigInt(epoch),
        replicasInformed: [...informed],
        replicasLate: [...late],
        knownEverywhereAt: timestampOfMs(knownEverywhereAt),
      };
    },

    async *watchKeys(
      { keyset }: WatchKeysRequest,
      caller: Caller,
      signal: AbortSignal,
    ): AsyncGenerator<WatchKeysResponse> {
      const watcher = { access, caller, question: { method: "WatchKeys" } } as const;
      const changes = whileAdmitted(watcher, signal, (either) => service.watchKeys(keyset, either));
      for await (const keys of changes) yield { keys: keys.map(keyMessage) };
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

function planMessage({ activeKid, next, standby, bounds }: RotationPlan): PlanRotationResponse {
  return {
    activeKeyId: activeKid ?? "",
    nextKeyId: next?.kid ?? "",
    nextAt: timestampOfMs(next?.at),
    earliestAt: timestampOfMs(next?.earliest),
    standbyKeyId: standby?.kid ?? "",
    standbyReadyAt: timestampOfMs(standby?.readyAt),
    bounds: bounds.map(({ name, value, bound, rule }) => ({
      name,
      value: durationOfMs(value),
      bound: durationOfMs(bound),
      rule,
    })),
  };
}

const NO_KEYSET = { keyset: "", publishAt: undefined, waitsFor: [] };
const NO_SECRET = { profile: "", tenant: "", byteLength: 0, fingerprint: "" };

function keyMessage({ kid, alg, state, epoch, ...key }: KeyInfo | SecretInfo): Key {
  return {
    ...("keyset" in key
      ? { ...NO_SECRET, ...key, publishAt: timestampOfMs(key.publishAt), waitsFor: [...key.waitsFor] }
      : { ...NO_KEYSET, ...key }),
    keyId: kid,
    algorithm: alg,
    state: keyStateFromJSON(`KEY_STATE_${state.toUpperCase()}`),
    signFrom: timestampOfMs(key.signFrom),
    signUntil: timestampOfMs(key.signUntil),
    verifyUntil: timestampOfMs(key.verifyUntil),
    epoch: BigInt(epoch),
    revokedAt: timestampOfMs(key.revokedAt),
  };
}
