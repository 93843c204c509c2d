/** How the keys of a keyset rotate. All in milliseconds. */
export interface KeyPolicy {
  /** R: how long a key signs until the next one takes over. */
  readonly period: number;
  /** How long a key is published before it signs. */
  readonly lead: number;
  /** C: the longest that a verifier may keep a JWKS. */
  readonly verifierCache: number;
  /** P: until every replica has a new epoch. */
  readonly propagation: number;
  /** A: until everyone has stopped using the old key. */
  readonly stopUsing: number;
  /** S: how far two clocks may differ. */
  readonly skew: number;
  /** D: the longest that the take-over may be delayed; the old key may sign for so much longer. */
  readonly activationDelay: number;
  /** T: the longest ttl of all profiles that use the keyset. */
  readonly maxTtl: number;
}

/** How many keys may verify at once by the schedule: an epoch, which lists them all, has to fit an entry of the store. */
const MAX_KEYS = 32;

const seconds = 1000;
const minutes = 60 * seconds;

const defaults = {
  period: 24 * 60 * minutes,
  verifierCache: 15 * minutes,
  propagation: 60 * seconds,
  stopUsing: 60 * seconds,
  skew: 60 * seconds,
  activationDelay: 5 * minutes,
};

/** The policy with its defaults: the lead is C + P + S, the least that is safe. */
export function keyPolicy(given: Partial<KeyPolicy> & Pick<KeyPolicy, "maxTtl">): KeyPolicy {
  const policy = { ...defaults, ...given };
  return { lead: leastLead(policy), ...policy };
}

/** C + P + S: until a change of the keys is known everywhere. */
export function leastLead(policy: Pick<KeyPolicy, "verifierCache" | "propagation" | "skew">): number {
  return policy.verifierCache + policy.propagation + policy.skew;
}

/** One bound that a policy breaks: the field, and the rule with its numbers. */
export interface BrokenBound {
  readonly path: keyof KeyPolicy;
  readonly message: string;
}

/** All bounds that the policy breaks; none means that no verifier can meet a key that it does not know. */
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
  // The one that waits and the standby are listed beside those that have signed.
  const keys = Math.ceil(life / period) + 2;
  if (!(keys > MAX_KEYS)) return [];
  const why = `is ${period} ms: with tokens of ${maxTtl} ms ${keys} keys would verify at once, and ${MAX_KEYS} may`;
  return [{ path: "period", message: why }];
}

/** A rule that no rotation breaks. In milliseconds. */
export interface RotationBound {
  readonly name: string;
  readonly value: number;
  /** The least that is safe, or the most. */
  readonly bound: number;
  readonly rule: string;
}

/** What the times of keys follow from, with the numbers of this policy. */
export function rotationBounds(policy: KeyPolicy): readonly RotationBound[] {
  const { period, lead, verifierCache, stopUsing, skew, activationDelay, maxTtl } = policy;
  const cache = jwksMaxAge(policy) * seconds;
  const after = maxTtl + skew + stopUsing;
  return [
    {
      name: "lead",
      value: lead,
      bound: leastLead(policy),
      rule: "a key is published at least verifier cache + propagation + clock skew before it signs",
    },
    { name: "jwks_max_age", value: cache, bound: verifierCache, rule: "a JWKS is kept for at most the verifier cache" },
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

/** How long an HTTP answer may let a verifier keep the JWKS: never longer than rotation allows for. Whole seconds. */
export function jwksMaxAge({ verifierCache }: KeyPolicy): number {
  return Math.floor(verifierCache / seconds);
}
