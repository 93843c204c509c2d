import type { AuditLog } from "../audit/event.ts";
import type { Caller } from "../caller.ts";
import { KeyringError } from "../keys/error.ts";
import type { SecretEpoch, SecretOwner } from "../keys/imported/secret.ts";
import { MAX_VERIFYING, type NewSecret, type RingRefusal, withSecret } from "../keys/imported/secret-ring.ts";
import type { Secrets } from "../keys/imported/secrets.ts";
import { type SecretInfo, secretInfos } from "../keys/imported/views.ts";
import type { PublishKey } from "../keys/key-history.ts";
import { isMac, type PublicJwk } from "../keys/model.ts";
import { secretsUnavailable } from "../keys/unavailable.ts";
import type { SecretVault } from "../keys/vault.ts";
import { auditProblem } from "../problem/audit-problem.ts";
import { Problem, unknownProfile } from "../problem/problem.ts";
import type { Profile } from "../profile/model/profile.ts";
import { type CheckedImport, checkImport, type ImportRequest } from "./import-request.ts";

export interface ImportSecretParts {
  readonly profiles: () => ReadonlyMap<string, Profile>;
  readonly secrets: Secrets;
  readonly vault: SecretVault;
  /** Throws the Problem CLOCK_DIFFERS. */
  readonly requireRightClock: () => void;
  readonly audit: AuditLog;
  readonly publishKey: PublishKey;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly randomBytes: (size: number) => Buffer;
}

/** An imported secret, and its effect on earlier ones. */
interface ImportedKey {
  readonly key: SecretInfo;
  /** How many earlier secrets still verify. */
  readonly overlapping: number;
  /** When the last of them stops verifying, in Unix milliseconds. Undefined: there is none. */
  readonly overlapUntil: number | undefined;
  readonly warnings: readonly ImportWarning[];
}

/** What the events say of an import, beside what is stored. */
interface MoreOfImport {
  /** Undefined: the key is symmetric. */
  readonly publicJwk: PublicJwk | undefined;
  readonly caller: Caller;
  readonly allowedWeak: boolean;
}

type ImportWarning = "WEAK_KEY" | "UNUSUAL_ENCODING" | "WHITESPACE";

/** Imports a secret for `caller`. Rejects with a {@link Problem}. */
export type ImportSecret = (request: ImportRequest, caller: Caller) => Promise<ImportedKey>;

export function createImportSecret(parts: ImportSecretParts): ImportSecret {
  const { profiles, secrets, vault, requireRightClock, audit, publishKey, now, randomBytes: draw } = parts;

  return async (request, caller) => {
    const profile = profiles().get(request.profile);
    if (profile === undefined) throw unknownProfile(request.profile);
    const checked = checkImport(request, profile, vault);
    const { alg, text, encoding, byteLength, fingerprint, publicJwk, weakness, kid = drawKid(), overlap } = checked;
    if (weakness !== undefined && !request.allowWeak) throw weakKey(weakness);

    requireRightClock();
    const time = now();
    const owner = { profile: profile.name, tenant: request.tenant };
    const sealed = await vault.seal(text, { ...owner, kid, alg });
    const secret: NewSecret = { kid, alg, encoding, byteLength, fingerprint, signFrom: time, sealed };
    const ring = await join(owner, secret, time + overlap, { publicJwk, caller, allowedWeak: weakness !== undefined });
    return answer(ring, time, warningsOf(request, checked, profile));
  };

  /**
   * The events come first: every secret that signs or verifies must have one, and another replica may use the secret as
   * soon as it is stored. A crash in between leaves the event of a secret that was never stored, which is harmless.
   */
  async function join(owner: SecretOwner, secret: NewSecret, until: number, more: MoreOfImport): Promise<SecretEpoch> {
    let ring: SecretEpoch | undefined;
    let audited = false;
    try {
      await secrets.advance(owner, async (before) => {
        const current = before?.secrets.find(({ verifyUntil }) => verifyUntil === undefined);
        if (current?.fingerprint === secret.fingerprint && current.alg === secret.alg) throw sameSecret(current.kid);
        const next = withSecret(before, owner, secret, until);
        if (typeof next === "string") throw refusal(next);
        if (!audited) await appendEvents(next, secret, more);
        audited = true;
        ring = next;
        return next;
      });
    } catch (error) {
      throw error instanceof KeyringError ? secretsUnavailable(error) : error;
    }
    if (ring === undefined) throw new Error("an import made no epoch");
    return ring;
  }

  async function appendEvents(
    ring: SecretEpoch,
    { kid, alg, byteLength, fingerprint, signFrom }: NewSecret,
    { publicJwk, ...who }: MoreOfImport,
  ): Promise<void> {
    const overlapUntil = endOfEarlier(ring, signFrom - 1);
    const { profile, tenant } = ring;
    const key = { profile, tenant, keyId: kid, algorithm: alg, byteLength, fingerprint };
    try {
      await audit.append({ type: "key.imported", ...key, overlapUntil, ...who }, signFrom);
      await publishKey({ profile, tenant }, { kid, alg, publicJwk, signFrom });
    } catch (cause) {
      throw auditProblem(cause, "imported");
    }
  }

  function drawKid(): string {
    // The letter in front: on a command line, a kid that begins with "-" would be read as an option.
    return `k${draw(12).toString("base64url")}`;
  }
}

function answer(ring: SecretEpoch, time: number, warnings: readonly ImportWarning[]): ImportedKey {
  const [key, ...earlier] = secretInfos(ring, time);
  if (key === undefined) throw new Error("an epoch of secrets is empty");
  const overlapping = earlier.filter(({ state }) => state === "retired").length;
  return { key, overlapping, overlapUntil: endOfEarlier(ring, time), warnings };
}

/** When the last earlier secret that still verifies after `time` stops verifying. */
function endOfEarlier({ secrets }: SecretEpoch, time: number): number | undefined {
  const ends = secrets.flatMap(({ verifyUntil }) =>
    verifyUntil !== undefined && verifyUntil > time ? [verifyUntil] : [],
  );
  return ends.length === 0 ? undefined : Math.max(...ends);
}

function warningsOf(
  { secret, encoding }: ImportRequest,
  { alg, weakness }: CheckedImport,
  { keys }: Profile,
): readonly ImportWarning[] {
  const warnings: ImportWarning[] = [];
  if (weakness !== undefined) warnings.push("WEAK_KEY");
  if (!isMac(alg)) return warnings;
  if (keys.kind === "imported" && keys.encoding !== encoding) warnings.push("UNUSUAL_ENCODING");
  // Mostly added by an editor or a shell: the vendor does not sign with it.
  if (encoding === "utf8" && /^[\s\0]|[\s\0]$/.test(secret)) warnings.push("WHITESPACE");
  return warnings;
}

/**
 * Without this error, a retry without a key_id would store the secret under a second kid, and end the first one early.
 */
function sameSecret(kid: string): Problem {
  return new Problem(
    "KEY_EXISTS",
    `the profile (and tenant) already has this secret as its current one, with key_id ${kid}`,
  );
}

function weakKey(weak: string): Problem {
  return new Problem("WEAK_KEY", `the key ${weak}: import a better one, or set allow_weak, which is audited`);
}

function refusal(code: RingRefusal): Problem {
  if (code === "OTHER_ALGORITHM") {
    const message =
      "an earlier key of the profile (and tenant) is this one with another algorithm, and still verifies: a key has one " +
      "algorithm (RFC 8725, 3.1). Ask the vendor for a new key, or end the earlier one with an overlap of 0";
    return new Problem("KEY_EXISTS", message);
  }
  if (code === "KEY_EXISTS")
    return new Problem("KEY_EXISTS", "the profile (and tenant) has, or had, a secret with this key_id: choose another");
  const message =
    `at most ${MAX_VERIFYING} secrets of the profile (and tenant) may verify at once: ` +
    "end earlier ones with a shorter overlap";
  return new Problem("TOO_MANY_KEYS", message);
}
