import type { Algorithm, SecretEncoding } from "../keys/model.ts";
import type { SecretVault } from "../keys/vault.ts";
import { keyIdFault, tenantFault } from "../problem/field-rules.ts";
import { type FieldViolation, invalidRequest } from "../problem/problem.ts";
import { longestLifetime, type Profile } from "../profile/model/profile.ts";
import { type KeyMaterial, type Report, readKeyMaterial } from "./key-material.ts";

/** Shaped as the contract's `ImportKeyRequest`; empty texts are absent. */
export interface ImportRequest {
  readonly profile: string;
  readonly tenant: string;
  readonly secret: string;
  /** Empty: the only one that the profile allows. */
  readonly algorithm: string;
  /** Undefined when the request names none of the contract's encodings. */
  readonly encoding: SecretEncoding | undefined;
  readonly keyId: string;
  readonly overlap: { readonly seconds: bigint; readonly nanos: number } | undefined;
  readonly allowWeak: boolean;
}

/** A request whose fields are valid. Whether a weak key is allowed is not checked yet. */
export interface CheckedImport extends KeyMaterial {
  readonly alg: Algorithm;
  /** Undefined: the caller draws one. */
  readonly kid: string | undefined;
  /** Milliseconds. */
  readonly overlap: number;
}

const MAX_OVERLAP_SECONDS = 10 * 365 * 24 * 60 * 60;

/**
 * Checks a request for a profile with imported keys.
 *
 * @throws Problem INVALID_REQUEST with every bad field. Its texts reveal nothing of the secret but the length.
 */
export function checkImport(request: ImportRequest, profile: Profile, vault: SecretVault): CheckedImport {
  const violations: FieldViolation[] = [];
  const report: Report = (field, description) => {
    if (description !== undefined) violations.push({ field, description });
  };
  report("profile", profile.keys.kind === "keyset" ? "has a rotating keyset, not imported keys" : undefined);
  report("tenant", tenantFault(request.tenant, profile.tenant !== undefined));
  report("key_id", request.keyId === "" ? undefined : keyIdFault(request.keyId));
  const overlap = overlapOf(request, profile);
  report("overlap", overlap === undefined ? `must be whole seconds from 0 to ${MAX_OVERLAP_SECONDS}s` : undefined);
  const alg = algorithmOf(request, profile, report);
  const material = readKeyMaterial(request, alg, vault, report);
  const kid = kidOf(request, material, report);
  if (alg === undefined || overlap === undefined || material === undefined || violations.length > 0)
    throw invalidRequest(violations);
  return { ...material, alg, kid, overlap };
}

/** Milliseconds. The default is the longest time for which a token of an earlier secret can be accepted. */
function overlapOf({ overlap }: ImportRequest, { lifetime }: Profile): number | undefined {
  if (overlap === undefined) return (longestLifetime(lifetime) + lifetime.leeway) * 1000;
  const seconds = Number(overlap.seconds);
  return overlap.nanos === 0 && seconds >= 0 && seconds <= MAX_OVERLAP_SECONDS ? seconds * 1000 : undefined;
}

/** Undefined for a profile with a rotating keyset, too. */
function algorithmOf({ algorithm }: ImportRequest, { keys }: Profile, report: Report): Algorithm | undefined {
  if (keys.kind === "keyset") return undefined;
  const [only, ...more] = keys.algorithms;
  const named = algorithm === "" && more.length === 0 ? only : keys.algorithms.find((one) => one === algorithm);
  if (named === undefined) {
    const names = keys.algorithms.join(", ");
    report(
      "algorithm",
      algorithm === "" ? `is required: one of ${names}` : `must be one that the profile allows: ${names}`,
    );
  }
  return named;
}

/** The kid of a JWK is the vendor's own. */
function kidOf({ keyId }: ImportRequest, material: KeyMaterial | undefined, report: Report): string | undefined {
  const own = material?.ownKid;
  if (own === undefined) return keyId === "" ? undefined : keyId;
  report("secret", keyIdFault(own) && "has a kid that is not printable ASCII of 1 to 255 characters");
  report("key_id", keyId === "" || keyId === own ? undefined : "contradicts the kid of the JWK");
  return own;
}
