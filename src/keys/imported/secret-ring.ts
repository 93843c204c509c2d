import type { SecretEpoch, SecretOwner, SecretRecord } from "./secret.ts";

/** How many secrets of a profile and tenant may verify at once: where tokens name no kid, each may be tried. */
export const MAX_VERIFYING = 8;
/** How many are listed, those that are over with them. With all texts at their limit it fits an entry of the store. */
export const MAX_LISTED = 16;

/** A secret that is about to become the one that signs. */
export type NewSecret = Required<Omit<SecretRecord, "verifyUntil" | "revoked">>;

/** Why a secret can't join a ring. */
export type RingRefusal = "KEY_EXISTS" | "TOO_MANY_KEYS";

/** The epoch in which a secret signs and those before it verify until `until`, in Unix milliseconds, at the latest. */
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
  if (kept.filter(({ sealed }) => sealed !== undefined).length >= MAX_VERIFYING) return "TOO_MANY_KEYS";
  const secrets = [...newest(kept, MAX_LISTED - 1), secret];
  return { version: 1, ...owner, epoch: (before?.epoch ?? 0) + 1, createdAt: time, secrets };
}

/**
 * The epoch in which a secret is taken back: its text is gone, and if it signed, the newest that is left signs instead, or
 * none. Undefined when it was taken back before.
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

/** Nobody knows when a secret that signs again is replaced: it has no end. */
function withSigner(secrets: readonly SecretRecord[]): readonly SecretRecord[] {
  const last = secrets.findLast(({ sealed }) => sealed !== undefined);
  return secrets.map((secret) => {
    const { verifyUntil: _, ...endless } = secret;
    return secret === last ? endless : secret;
  });
}

/** The epoch without the texts of secrets that verify no more. Undefined when there are none. */
export function withoutSpentTexts(ring: SecretEpoch, now: number): SecretEpoch | undefined {
  const time = timeOf(ring, now);
  const secrets = ring.secrets.map((secret) => withoutSpentText(secret, time));
  if (secrets.every((secret, index) => secret === ring.secrets[index])) return undefined;
  return { ...ring, epoch: ring.epoch + 1, createdAt: time, secrets };
}

/** When the next text of a ring is of no more use, in Unix milliseconds; undefined: none that is there has an end. */
export function nextSpent({ secrets }: SecretEpoch): number | undefined {
  const ends = secrets.flatMap(({ sealed, verifyUntil = Infinity }) => (sealed === undefined ? [] : [verifyUntil]));
  const next = Math.min(...ends);
  return next === Infinity ? undefined : next;
}

/** A clock that stepped back must not give a text back its life. */
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

/** The oldest of those that are over leave first; one that verifies never leaves. */
function newest(secrets: readonly SecretRecord[], count: number): readonly SecretRecord[] {
  const surplus = secrets.filter(({ sealed }) => sealed === undefined).slice(0, Math.max(0, secrets.length - count));
  return secrets.filter((secret) => !surplus.includes(secret));
}
