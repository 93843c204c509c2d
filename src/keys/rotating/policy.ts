/** How the keys of a keyset rotate. All in milliseconds. */
export interface KeyPolicy {
  /** R: how long a key signs before the next one takes over. */
  readonly period: number;
  /** How long a key is published before it signs. */
  readonly lead: number;
  /** C: how long a verifier may cache a JWKS, at most. */
  readonly verifierCache: number;
  /** P: how long until every replica has a new epoch. */
  readonly propagation: number;
  /** A: how long until every issuer has stopped using the old key. */
  readonly stopUsing: number;
  /** S: how far two clocks may differ. */
  readonly skew: number;
  /** D: how long a take-over may be delayed, at most; the old key may sign for that much longer. */
  readonly activationDelay: number;
  /** T: the longest ttl among the profiles that use the keyset. */
  readonly maxTtl: number;
}

/** How many keys the schedule may let verify at once: an epoch lists them all and has to fit one entry of the store. */
const MAX_KEYS = 32;

const SECOND = 1000;
const MINUTE = 60 * SECOND;

const DEFAULTS = {
  period: 24 * 60 * MINUTE,
  verifierCache: 15 * MINUTE,
  propagation: 60 * SECOND,
  stopUsing: 60 * SECOND,
  skew: 60 * SECOND,
  activationDelay: 5 * MINUTE,
};

/** Fills in the defaults. The default lead is C + P + S, the least that is safe. */
export function keyPolicy(given: Partial<KeyPolicy> & Pick<KeyPolicy, "maxTtl">): KeyPolicy {
  const policy = { ...DEFAULTS, ...given };
  return { lead: leastLead(policy), ...policy };
}

/** C + P + S: how long until every verifier knows of a change of the keys. */
export function leastLead(policy: Pick<KeyPolicy, "verifierCache" | "propagation" | "skew">): number {
  return policy.verifierCache + policy.propagation + policy.skew;
}

/**
 * How long a key has been in the store, at least, when a token that it signed appears: the clocks may differ. An
 * emergency is the exception.
 */
export function timeInStore({ lead, skew }: Pick<KeyPolicy, "lead" | "skew">): number {
  return lead - skew;
}

/** A bound that a policy breaks: the field, and the rule with its numbers. */
export interface BrokenBound {
  readonly path: keyof KeyPolicy;
  readonly message: string;
}

/** All bounds that the policy breaks. If there are none, no verifier can meet a key that it does not know. */
export function brokenBounds(policy: KeyPolicy): readonly BrokenBound[] {
  return [...badNumbers(policy), ...shortLead(policy), ...shortPeriod(policy), ...crowdedRing(policy)];
}

function badNumbers(policy: KeyPolicy): BrokenBound[] {
  const paths = Object.keys(policy) as (keyof KeyPolicy)[];
  return paths
    .filter((path) => !(Number.isSafeInteger(policy[path]) && policy[path] > 0))
    .map((path) => ({ path, message: `is ${policy[path]} ms: it must be a whole number above 0` }));
}

function shortLead(policy: KeyPolicy): BrokenBound[] {
  const { lead, verifierCache, propagation, skew } = policy;
  const least = leastLead(policy);
  if (lead >= least) return [];
  const sum = `the verifier cache ${verifierCache} + propagation ${propagation} + clock skew ${skew} = ${least} ms`;
  return [{ path: "lead", message: `is ${lead} ms: it must be at least ${sum}` }];
}

function shortPeriod({ period, lead, activationDelay }: KeyPolicy): BrokenBound[] {
  const bound = lead + activationDelay;
  if (period > bound) return [];
  const sum = `lead ${lead} + activation delay ${activationDelay} = ${bound} ms`;
  return [{ path: "period", message: `is ${period} ms: it must be more than ${sum}` }];
}

function crowdedRing(policy: KeyPolicy): BrokenBound[] {
  const { period, maxTtl } = policy;
  const life = period + policy.activationDelay + maxTtl + policy.skew + policy.stopUsing;
  // The waiting key and the standby are listed too.
  const keys = Math.ceil(life / period) + 2;
  if (!(keys > MAX_KEYS)) return [];
  const why = `is ${period} ms: with tokens of ${maxTtl} ms ${keys} keys would verify at once, and ${MAX_KEYS} may`;
  return [{ path: "period", message: why }];
}

/** A bound that every rotation keeps. In milliseconds. */
export interface RotationBound {
  readonly name: string;
  readonly value: number;
  /** The least or the most that is safe. */
  readonly bound: number;
  readonly rule: string;
}

/** The bounds from which the times of keys follow, with the numbers of this policy. */
export function rotationBounds(policy: KeyPolicy): readonly RotationBound[] {
  const { period, lead, verifierCache, stopUsing, skew, activationDelay, maxTtl } = policy;
  const cache = jwksMaxAge(policy) * SECOND;
  const after = maxTtl + skew + stopUsing;
  return [
    {
      name: "lead",
      value: lead,
      bound: leastLead(policy),
      rule: "a key is published at least verifier cache + propagation + clock skew before it signs",
    },
    {
      name: "jwks_max_age",
      value: cache,
      bound: verifierCache,
      rule: "a JWKS is cached for at most the verifier cache",
    },
    {
      name: "overlap",
      value: activationDelay,
      bound: activationDelay,
      rule: "a key may sign for at least the activation delay after the next one takes over",
    },
    {
      name: "verify",
      value: after,
      bound: after,
      rule: "a key verifies for at least the longest ttl + clock skew + stop using after it has signed",
    },
    {
      name: "period",
      value: period,
      bound: lead + activationDelay,
      rule: "a key signs for more than lead + activation delay",
    },
  ];
}

/**
 * How long an HTTP response may let a verifier cache the JWKS: never longer than rotation allows for. Whole seconds.
 */
export function jwksMaxAge({ verifierCache }: KeyPolicy): number {
  return Math.floor(verifierCache / SECOND);
}
