import type { Profile } from "../profile/profile.ts";
import { type FieldViolation, invalidRequest } from "../token/problem.ts";
import { tenantFault } from "../token/request-fields.ts";
import { reasonFault } from "../token/text-rules.ts";
import { unknownProfile } from "../token/unknown-profile.ts";

/** Shaped as the contract's `RevokeKeyRequest`; empty texts are absent. */
export interface RevokeKeyRequest {
  readonly keyId: string;
  readonly reason: string;
  /** Empty: a key of a rotating keyset. */
  readonly profile: string;
  readonly tenant: string;
}

const KID = /^[A-Za-z0-9_-]{1,64}$/;

/** Throws the Problem INVALID_REQUEST with every bad field, or PROFILE_NOT_FOUND. */
export function checkRevokeKey(request: RevokeKeyRequest, profiles: ReadonlyMap<string, Profile>): void {
  const { keyId, reason, profile: name, tenant } = request;
  const violations: FieldViolation[] = [];
  const tell = (field: string, description: string | undefined): void => {
    if (description !== undefined) violations.push({ field, description });
  };
  tell("key_id", KID.test(keyId) ? undefined : "must be 1 to 64 characters of A-Z a-z 0-9 _ -");
  tell("reason", reasonFault(reason));
  const profile = profiles.get(name);
  if (name === "") tell("tenant", tenant === "" ? undefined : "is taken only with a profile");
  else if (profile === undefined) throw unknownProfile(name);
  else if (profile.keys.kind === "keyset") tell("profile", "has a rotating keyset: leave it empty");
  else tell("tenant", tenantFault(tenant, profile));
  if (violations.length > 0) throw invalidRequest(violations);
}
