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
  return { lead: policy.verifierCache + policy.propagation + policy.skew, ...policy };
}

/** One bound that a policy breaks: the field, and the rule with its numbers. */
export interface BrokenBound {
  readonly path: keyof KeyPolicy;
  readonly message: string;
}

/** All bounds that the policy breaks; none means that no verifier can meet a key that it does not know. */
export function brokenBounds(policy: KeyPolicy): readonly BrokenBound[] {
  return [...badNumbers(policy), ...shortLead(policy), ...shortPeriod(policy)];
}

function badNumbers(policy: KeyPolicy): BrokenBound[] {
  const paths = Object.keys(policy) as (keyof KeyPolicy)[];
  return paths
    .filter((path) => !(Number.isSafeInteger(policy[path]) && policy[path] > 0))
    .map((path) => ({ path, message: `is ${policy[path]} ms: it must be a whole number above 0` }));
}

function shortLead({ lead, verifierCache, propagation, skew }: KeyPolicy): BrokenBound[] {
  const least = verifierCache + propagation + skew;
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

/** How long an HTTP answer may let a verifier keep the JWKS: never longer than rotation allows for. Whole seconds. */
export function jwksMaxAge({ verifierCache }: KeyPolicy): number {
  return Math.floor(verifierCache / seconds);
}
