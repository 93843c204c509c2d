import { SECRET_FORMS, secretBytes } from "../keys/imported/secret.ts";
import type { SecretEncoding } from "../keys/model.ts";
import { keyIdFault, REQUIRED, tenantFault } from "../problem/field-rules.ts";
import { type FieldViolation, invalidRequest } from "../problem/problem.ts";
import { longestLifetime, type Profile } from "../profile/model/profile.ts";

/** Shaped as the contract's `ImportKeyRequest`; empty texts are absent. */
export interface ImportRequest {
  readonly profile: string;
  readonly tenant: string;
  readonly secret: string;
  /** Undefined when the request names none of the contract's encodings. */
  readonly encoding: SecretEncoding | undefined;
  readonly keyId: string;
  readonly overlap: { readonly seconds: bigint; readonly nanos: number } | undefined;
  readonly allowWeak: boolean;
}

/** A request whose fields are valid. Whether the secret is weak is not checked yet. */
export interface CheckedImport {
  readonly text: string;
  readonly bytes: Buffer;
  readonly encoding: SecretEncoding;
  /** Undefined: the caller draws one. */
  readonly kid: string | undefined;
  /** Milliseconds. */
  readonly overlap: number;
}

/** In UTF-8. An epoch with eight secrets of this size still fits one entry of the store. */
const MAX_SECRET_BYTES = 4096;
const MAX_OVERLAP_SECONDS = 10 * 365 * 24 * 60 * 60;

/**
 * Checks a request for a profile with imported keys.
 *
 * @throws Problem INVALID_REQUEST with every bad field. Its texts reveal nothing of the secret but the length.
 */
export function checkImport(request: ImportRequest, profile: Profile): CheckedImport {
  const violations: FieldViolation[] = [];
  const report = (field: string, description: string | undefined): void => {
    if (description !== undefined) violations.push({ field, description });
  };
  const { encoding, keyId } = request;
  report("profile", profile.keys.kind === "keyset" ? "has a rotating keyset, not imported secrets" : undefined);
  report("tenant", tenantFault(request.tenant, profile.tenant !== undefined));
  report("encoding", encoding === undefined ? "is required: UTF8, BASE64, BASE64URL or HEX" : undefined);
  report("key_id", keyId === "" ? undefined : keyIdFault(keyId));
  const overlap = overlapOf(request, profile);
  report("overlap", overlap === undefined ? `must be whole seconds from 0 to ${MAX_OVERLAP_SECONDS}s` : undefined);
  const bytes = readSecret(request, report);
  if (encoding === undefined || overlap === undefined || bytes === undefined || violations.length > 0)
    throw invalidRequest(violations);
  return { text: request.secret, bytes, encoding, kid: keyId === "" ? undefined : keyId, overlap };
}

/** Milliseconds. The default is the longest time for which a token of an earlier secret can be accepted. */
function overlapOf({ overlap }: ImportRequest, { lifetime }: Profile): number | undefined {
  if (overlap === undefined) return (longestLifetime(lifetime) + lifetime.leeway) * 1000;
  const seconds = Number(overlap.seconds);
  return overlap.nanos === 0 && seconds >= 0 && seconds <= MAX_OVERLAP_SECONDS ? seconds * 1000 : undefined;
}

function readSecret(
  { secret, encoding }: ImportRequest,
  report: (field: string, description: string) => void,
): Buffer | undefined {
  if (secret === "") report("secret", REQUIRED);
  else if (Buffer.byteLength(secret) > MAX_SECRET_BYTES)
    report("secret", `must have at most ${MAX_SECRET_BYTES} bytes of UTF-8`);
  else if (encoding !== undefined) {
    const bytes = secretBytes(secret, encoding);
    if (bytes !== undefined) return bytes;
    report("secret", `must be ${SECRET_FORMS[encoding]}`);
  }
  return undefined;
}
