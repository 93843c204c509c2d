import { randomBytes } from "node:crypto";
import { ImportKeyRequest, type ImportKeyResponse, SecretEncoding } from "../../../src/gen/signet/v1/keys.ts";
import { promised, type Service } from "./service.ts";

/** Imports a secret, 32 random bytes in base64 unless told otherwise. Rejects with the ServiceError. */
export function importKey({ keys }: Service, request: Partial<ImportKeyRequest>): Promise<ImportKeyResponse> {
  const secret = randomBytes(32).toString("base64");
  const encoding = SecretEncoding.SECRET_ENCODING_BASE64;
  return promised(keys.importKey.bind(keys), ImportKeyRequest.fromPartial({ secret, encoding, ...request }));
}
