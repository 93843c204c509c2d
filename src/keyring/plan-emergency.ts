import { Problem } from "../token/problem.ts";
import type { KeyPolicy } from "./bounds.ts";
import type { Draft, LedDraft } from "./draft.ts";
import { appoint, complete, settle } from "./draft.ts";
import { keptKeys, withoutHalf } from "./kept-keys.ts";
import { readyAt } from "./key-times.ts";
import type { EpochPlan } from "./plan.ts";
import { epochAfter } from "./plan.ts";
import type { EpochRecord } from "./record.ts";
import { freeMoment, nextToSign, signer, standbyOf } from "./state.ts";

/**
 * The epoch in which a key is taken back: if it signs, another one does at once; if it waits, another one waits in its
 * place. Undefined when it was taken back before. Throws the Problem KEY_NOT_FOUND.
 */
export function planEmergency(
  ring: EpochRecord,
  now: number,
  policy: KeyPolicy,
  kid: string,
  reason: string,
): EpochPlan | undefined {
  const time = freeMoment(ring, now);
  const kept = keptKeys(ring, time, policy);
  const key = kept.find((one) => one.kid === kid);
  if (key === undefined) throw new Problem("KEY_NOT_FOUND", "the keyset has no key of this key_id");
  if (key.revoked !== undefined) return undefined;
  const taken = { ...withoutHalf(key), revoked: { at: time, reason } };
  const keys = kept.map((one) => (one === key ? taken : one));
  const draft = { keys, make: [] };
  const signs = signer(ring, now)?.kid === kid;
  const whole = signs ? complete(withHeir(draft, time, policy), time, policy) : settle(draft, time, policy);
  return epochAfter(ring, time, "emergency", whole);
}

/**
 * The standby signs at once, even if some verifier does not know it yet: every token would be refused otherwise. After
 * two emergencies in a row the next key may have been shown for long enough when the standby was not.
 */
function withHeir(draft: Draft, time: number, policy: KeyPolicy): LedDraft {
  const heirs = [standbyOf(draft), nextToSign(draft, time)].flatMap((key) => (key === undefined ? [] : [key]));
  const heir = heirs.find((key) => readyAt(key, time, policy) === time) ?? heirs[0];
  return appoint(draft, heir, time, time, policy);
}
