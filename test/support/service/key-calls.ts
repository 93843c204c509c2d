import { randomBytes } from "node:crypto";
import {
  ImportKeyRequest,
  type ImportKeyResponse,
  type PlanRotationResponse,
  RevokeKeyRequest,
  type RevokeKeyResponse,
  RotateKeysRequest,
  type RotateKeysResponse,
  SecretEncoding,
} from "../../../src/gen/signet/v1/keys.ts";
import { waitUntil } from "../wait-until.ts";
import { promised, type Service } from "./service.ts";

const KEYSET = "service";

export function planRotation({ keys }: Pick<Service, "keys">): Promise<PlanRotationResponse> {
  return promised(keys.planRotation.bind(keys), { keyset: KEYSET });
}

/** Waits for a next key, and resolves with it and its times in Unix milliseconds. */
export async function nextRotation(service: Pick<Service, "keys">): Promise<NextRotation> {
  let found: NextRotation | undefined;
  // There is none between a rotation and the epoch that follows it.
  await waitUntil("there is a next key", async () => {
    const { nextKeyId, nextAt, earliestAt } = await planRotation(service);
    if (nextAt !== undefined && earliestAt !== undefined)
      found = { nextKeyId, nextAt: nextAt.getTime(), earliestAt: earliestAt.getTime() };
    return found !== undefined;
  });
  if (found === undefined) throw new Error("there is no next key");
  return found;
}

export interface NextRotation {
  readonly nextKeyId: string;
  readonly nextAt: number;
  readonly earliestAt: number;
}

/** Rotates as soon as is safe, by default. Rejects with the ServiceError. */
export function rotateKeys(
  { keys }: Pick<Service, "keys">,
  request: Partial<RotateKeysRequest> = {},
): Promise<RotateKeysResponse> {
  return promised(keys.rotateKeys.bind(keys), RotateKeysRequest.fromPartial({ keyset: KEYSET, ...request }));
}

export function revokeKey(
  { keys }: Pick<Service, "keys">,
  keyId: string,
  request: Partial<RevokeKeyRequest> = {},
): Promise<RevokeKeyResponse> {
  const whole = RevokeKeyRequest.fromPartial({ keyId, reason: "a test of emergencies", ...request });
  return promised(keys.revokeKey.bind(keys), whole);
}

/** Imports a secret, by default 32 random bytes in base64. Rejects with the ServiceError. */
export function importKey(
  { keys }: Pick<Service, "keys">,
  request: Partial<ImportKeyRequest>,
): Promise<ImportKeyResponse> {
  const secret = randomBytes(32).toString("base64");
  const encoding = SecretEncoding.SECRET_ENCODING_BASE64;
  return promised(keys.importKey.bind(keys), ImportKeyRequest.fromPartial({ secret, encoding, ...request }));
}
