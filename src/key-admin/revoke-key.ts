import type { AuditEvent, AuditLog } from "../audit/event.ts";
import type { Caller } from "../caller.ts";
import { isUnreachable, KeyringError } from "../keys/error.ts";
import { withoutSecret } from "../keys/imported/secret-ring.ts";
import type { Secrets } from "../keys/imported/secrets.ts";
import type { Keyring } from "../keys/rotating/keyring.ts";
import { leastLead } from "../keys/rotating/policy.ts";
import { keysetUnavailable, secretsUnavailable, storeUnreachable } from "../keys/unavailable.ts";
import { revokedButNotAudited } from "../problem/audit-problem.ts";
import { keyIdFault, reasonFault, tenantFault } from "../problem/field-rules.ts";
import { type FieldViolation, invalidRequest, Problem, unknownProfile } from "../problem/problem.ts";
import type { Profile } from "../profile/model/profile.ts";
import { type Informed, type KnownReplicas, waitForReplicas } from "./informed-replicas.ts";

export interface RevokeKeyParts {
  readonly profiles: () => ReadonlyMap<string, Profile>;
  readonly keyrings: () => readonly Keyring[];
  readonly secrets: Secrets;
  readonly replicas: KnownReplicas;
  /** Throws the Problem CLOCK_DIFFERS. */
  readonly requireRightClock: () => void;
  readonly audit: AuditLog;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** The answer to a revocation. */
interface RevokedKey extends Informed {
  /** The key that signs now. Undefined: none does. */
  readonly signingKid: string | undefined;
  readonly epoch: number;
  /**
   * The Unix milliseconds from which on every cached JWKS has the signing key and lacks the revoked one. Undefined for
   * an imported secret: no JWKS lists it.
   */
  readonly knownEverywhereAt: number | undefined;
}

/** Revokes a key for `caller`. Rejects with a {@link Problem}; retrying is safe. */
export type RevokeKey = (request: RevokeKeyRequest, caller: Caller) => Promise<RevokedKey>;

const WHETHER_KNOWN = "a keyset has a key with this key_id";

export function createRevokeKey(parts: RevokeKeyParts): RevokeKey {
  const { profiles, keyrings, secrets, replicas, requireRightClock, audit, now } = parts;

  return async (request, caller) => {
    checkRevokeKey(request, profiles());
    requireRightClock();
    return request.profile === "" ? revokeKey(request, caller) : revokeSecret(request, caller);
  };

  async function revokeKey({ keyId, reason }: RevokeKeyRequest, caller: Caller): Promise<RevokedKey> {
    const keyring = await ringWith(keyId);
    const { keyset, policy } = keyring;
    const { epoch, keys } = await keyring.revoke(keyId, reason, caller).catch((error) => {
      throw keysetUnavailable(error, keyset);
    });
    const signingKid = keyring.signer(now())?.kid;
    await appendEvent({ keyset, profile: "", tenant: "", keyId, keysetEpoch: epoch, reason }, signingKid, caller);
    const revokedAt = keys.find(({ kid }) => kid === keyId)?.revoked?.at ?? now();
    return {
      ...(await waitForReplicas(replicas, keyset, epoch)),
      ...{ signingKid, epoch, knownEverywhereAt: revokedAt + leastLead(policy) },
    };
  }

  /** Reads the store again for an unknown kid: another replica may have made the key a moment ago. */
  async function ringWith(kid: string): Promise<Keyring> {
    const holding = () => keyrings().find((keyring) => keyring.list(now()).some((key) => key.kid === kid));
    const known = holding();
    if (known !== undefined) return known;
    const reloads = await Promise.allSettled(keyrings().map(reload));
    const found = holding();
    if (found !== undefined) return found;
    const failed = reloads.find((reload) => reload.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    const message = "no keyset has a key with this key_id: an imported secret also needs its profile (and tenant)";
    throw new Problem("KEY_NOT_FOUND", message);
  }

  /**
   * Shared and rate-limited: calls with unknown kids must not keep the store from those that revoke an existing key.
   */
  async function reload({ keyset, reload }: Keyring): Promise<void> {
    await reload()?.catch((error) => {
      throw isUnreachable(error) ? storeUnreachable(WHETHER_KNOWN, error) : keysetUnavailable(error, keyset);
    });
  }

  async function revokeSecret({ keyId, reason, ...owner }: RevokeKeyRequest, caller: Caller): Promise<RevokedKey> {
    const { profile, tenant } = owner;
    try {
      await secrets.advance({ profile, tenant }, async (ring) => {
        const next = ring === undefined ? "KEY_NOT_FOUND" : withoutSecret(ring, keyId, now(), reason);
        if (next !== "KEY_NOT_FOUND") return next;
        throw new Problem("KEY_NOT_FOUND", "the profile (and tenant) has no secret with this key_id");
      });
    } catch (error) {
      throw error instanceof KeyringError ? secretsUnavailable(error) : error;
    }
    const keys = secrets.keysOf({ profile, tenant });
    const signingKid = keys.signer(now())?.kid;
    await appendEvent({ keyset: "", profile, tenant, keyId, keysetEpoch: keys.epoch, reason }, signingKid, caller);
    return { signingKid, epoch: keys.epoch, knownEverywhereAt: undefined, informed: [], late: [] };
  }

  /** The event comes last: revoking a compromised key must not wait for an audit log that is full or broken. */
  async function appendEvent(
    what: Omit<Extract<AuditEvent, { type: "key.revoked" }>, "type" | "signingKeyId" | "caller">,
    signingKid: string | undefined,
    caller: Caller,
  ): Promise<void> {
    await audit
      .append({ type: "key.revoked", ...what, signingKeyId: signingKid ?? "", caller }, now())
      .catch((cause) => {
        throw revokedButNotAudited(cause, "the key is revoked");
      });
  }
}

/** Shaped as the contract's `RevokeKeyRequest`; empty texts are absent. */
export interface RevokeKeyRequest {
  readonly keyId: string;
  readonly reason: string;
  /** Empty: a key of a rotating keyset. */
  readonly profile: string;
  readonly tenant: string;
}

/** Throws the Problem INVALID_REQUEST with every bad field, or PROFILE_NOT_FOUND. */
function checkRevokeKey(request: RevokeKeyRequest, profiles: ReadonlyMap<string, Profile>): void {
  const { keyId, reason, profile: name, tenant } = request;
  const violations: FieldViolation[] = [];
  const report = (field: string, description: string | undefined): void => {
    if (description !== undefined) violations.push({ field, description });
  };
  report("key_id", keyIdFault(keyId));
  report("reason", reasonFault(reason));
  const profile = profiles.get(name);
  if (name === "") report("tenant", tenant === "" ? undefined : "must not be set without a profile");
  else if (profile === undefined) throw unknownProfile(name);
  else if (profile.keys.kind === "keyset") report("profile", "has a rotating keyset: leave it empty");
  else report("tenant", tenantFault(tenant, profile.tenant !== undefined));
  if (violations.length > 0) throw invalidRequest(violations);
}
