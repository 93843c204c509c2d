import type { SecretEpoch, SecretOwner, SecretRecord } from "./secret.ts";

/** How many secrets of a profile and tenant may verify at once: a token without a kid may try them all. */
export const MAX_VERIFYING = 8;
/**
 * How many are listed, including those that no longer verify. With the longest texts the epoch fits one entry of the
 * store.
 */
export const MAX_LISTED = 16;

/** A secret that is about to sign. */
export type NewSecret = Required<Omit<SecretRecord, "verifyUntil" | "revoked">>;

/** Why a secret can't join a ring. */
export type RingRefusal = "KEY_EXISTS" | "OTHER_ALGORITHM" | "TOO_MANY_KEYS";

/** The epoch in which `secret` signs, and earlier secrets verify until `until`, in Unix milliseconds, at the latest. */
export function withSecret(
  before: SecretEpoch | undefined,
  owner: SecretOwner,
  secret: NewSecret,
  until: number,
): SecretEpoch | RingRefusal {
  const earlier = before?.secrets ?? [];
  if (earlier.some(({ kid }) => kid === secret.kid)) return "KEY_EXISTS";
  const time = timeOf(before, secret.signFrom);
  const kept = earlier.map((one) => withoutSpentText(endedAt(one, Math.max(until, one.signFrom)), time));
  const verifying = kept.filter(({ sealed }) => sealed !== undefined);
  // RFC 8725, 3.1: a key is used with one algorithm only.
  if (verifying.some(({ fingerprint, alg }) => fingerprint === secret.fingerprint && alg !== secret.alg))
    return "OTHER_ALGORITHM";
  if (verifying.length >= MAX_VERIFYING) return "TOO_MANY_KEYS";
  const secrets = [...newest(kept, MAX_LISTED - 1), secret];
  return { version: 1, ...owner, epoch: (before?.epoch ?? 0) + 1, createdAt: time, secrets };
}

/**
 * The epoch in which a secret is revoked: its text is gone. If it signed, the newest secret that is left signs instead,
 * or none. Undefined when it is revoked already.
 */
export function withoutSecret(
  ring: SecretEpoch,
  kid: string,
  now: number,
  reason: string,
): SecretEpoch | "KEY_NOT_FOUND" | undefined {
  const target = ring.secrets.find((secret) => secret.kid === kid);
  if (target === undefined) return "KEY_NOT_FOUND";
  if (target.revoked !== undefined) return undefined;
  const time = timeOf(ring, now);
  const revoked = { ...withoutText(endedAt(target, time)), revoked: { at: time, reason } };
  const secrets = ring.secrets.map((secret) => (secret === target ? revoked : withoutSpentText(secret, time)));
  return { ...ring, epoch: ring.epoch + 1, createdAt: time, secrets: withSigner(secrets) };
}

/** A secret that signs again has no end: when it will be replaced is unknown. */
function withSigner(secrets: readonly SecretRecord[]): readonly SecretRecord[] {
  const last = secrets.findLast(({ sealed }) => sealed !== undefined);
  return secrets.map((secret) => {
    const { verifyUntil: _, ...endless } = secret;
    return secret === last ? endless : secret;
  });
}

/** The epoch without the texts of secrets that no longer verify. Undefined when there are no such texts. */
export function withoutSpentTexts(ring: SecretEpoch, now: number): SecretEpoch | undefined {
  const time = timeOf(ring, now);
  const secrets = ring.secrets.map((secret) => withoutSpentText(secret, time));
  if (secrets.every((secret, index) => secret === ring.secrets[index])) return undefined;
  return { ...ring, epoch: ring.epoch + 1, createdAt: time, secrets };
}

/** The Unix milliseconds at which the next text of a ring is no longer needed; undefined when no text has an end. */
export function nextSpent({ secrets }: SecretEpoch): number | undefined {
  const ends = secrets.flatMap(({ sealed, verifyUntil = Infinity }) => (sealed === undefined ? [] : [verifyUntil]));
  const next = Math.min(...ends);
  return next === Infinity ? undefined : next;
}

/** A clock that stepped back must not make a spent secret verify again. */
function timeOf(ring: SecretEpoch | undefined, now: number): number {
  return Math.max(now, ring?.createdAt ?? 0);
}

function endedAt(secret: SecretRecord, until: number): SecretRecord {
  return { ...secret, verifyUntil: Math.min(secret.verifyUntil ?? until, until) };
}

function withoutSpentText(secret: SecretRecord, time: number): SecretRecord {
  if (secret.sealed === undefined || secret.verifyUntil === undefined || time < secret.verifyUntil) return secret;
  return withoutText(secret);
}

function withoutText(secret: SecretRecord): SecretRecord {
  const { sealed: _, ...rest } = secret;
  return rest;
}

/**
 * At most `count` secrets where possible: the oldest that no longer verify leave first, and one that still verifies
 * stays.
 */
function newest(secrets: readonly SecretRecord[], count: number): readonly SecretRecord[] {
  const surplus = secrets.filter(({ sealed }) => sealed === undefined).slice(0, Math.max(0, secrets.length - count));
  return secrets.filter((secret) => !surplus.includes(secret));
}
