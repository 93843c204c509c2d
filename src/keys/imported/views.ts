import type { Algorithm, KeyState } from "../model.ts";
import type { Strays } from "../store/strays.ts";
import type { SecretEpoch, SecretOwner, SecretRecord } from "./secret.ts";

/** An imported secret as an operator sees it. Times in Unix milliseconds. */
export interface SecretInfo extends SecretOwner {
  readonly epoch: number;
  readonly kid: string;
  readonly alg: Algorithm;
  readonly state: Exclude<KeyState, "standby" | "published">;
  readonly signFrom: number;
  /** Both undefined for the secret that signs. */
  readonly signUntil: number | undefined;
  readonly verifyUntil: number | undefined;
  readonly byteLength: number;
  readonly fingerprint: string;
  /** Undefined: not revoked. */
  readonly revokedAt: number | undefined;
}

/** The secrets of a ring, the newest first. */
export function secretInfos({ profile, tenant, epoch, secrets }: SecretEpoch, now: number): readonly SecretInfo[] {
  const infos = secrets.map((secret, index) => {
    const { kid, alg, signFrom, verifyUntil, byteLength, fingerprint } = secret;
    const state = stateOf(secret, now);
    const signUntil = state === "active" ? undefined : (secrets[index + 1]?.signFrom ?? verifyUntil);
    const revokedAt = secret.revoked?.at;
    return {
      ...{ profile, tenant, epoch, kid, alg, state, signFrom, signUntil, verifyUntil, byteLength, fingerprint },
      revokedAt,
    };
  });
  return infos.reverse();
}

function stateOf({ verifyUntil, revoked }: SecretRecord, now: number): SecretInfo["state"] {
  if (revoked !== undefined) return "revoked";
  if (verifyUntil === undefined) return "active";
  return now < verifyUntil ? "retired" : "removed";
}

/** What the imported secrets report, for the log. */
export type SecretsEvent =
  /** There is, or may be, a newer epoch of a ring that can't be used: nothing signs, and what is known verifies. */
  | { readonly type: "secrets.unreadable"; readonly profile: string; readonly tenant: string; readonly error: unknown }
  /** Entries below the prefix of the secrets that are no epochs, and count as nothing. */
  | ({ readonly type: "secrets.strays" } & Strays)
  /** A secret rejected its own signature. It no longer signs. */
  | { readonly type: "secrets.distrusted"; readonly profile: string; readonly tenant: string; readonly kid: string }
  /** The store failed. What was read stays in use, and the operation is retried. */
  | { readonly type: "secrets.failed"; readonly error: unknown };
