import type { Caller } from "../../caller.ts";
import { counted } from "../../counted.ts";
import { Problem } from "../../problem/problem.ts";
import type { Profile } from "../../profile/model/profile.ts";
import type { RateLimit } from "../../schema/rate-limit.ts";
import { createAtOnce } from "./at-once.ts";
import { createBuckets } from "./buckets.ts";
import type { CallerLimits } from "./caller-limits.ts";
import { createFairShare, type SpoolFill } from "./fair-share.ts";
import { type Rate, rateOf } from "./rate.ts";

/** What limits a call, as the metadata of a RATE_LIMITED names it. */
type LimitName = "caller" | "calls_at_once" | "connections" | "client_ip" | "subject" | "spool";

export interface LimitsParts {
  readonly limitsOf: (caller: string) => CallerLimits;
  /** At least 1. Each replica enforces its part of a limit. */
  readonly liveReplicas: () => number;
  readonly spool: () => SpoolFill;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  /** Called for each refusal. `profile` is "" where a call names none. */
  readonly onLimited: (limit: LimitName, profile: string) => void;
}

/** Each method throws the {@link Problem} RATE_LIMITED, with the time after which a retry is not refused for it. */
export interface Limits {
  /**
   * Counts a call, or an item of a batch. MUST follow the policy's decision: the names of profiles that do not exist
   * would fill the memory. `profile` is "" for a method that has none.
   */
  call(caller: Caller, profile: string): void;
  /** Counts a token that is about to be issued. */
  issue(caller: Caller, profile: Profile, token: LimitedToken): void;
  /** Counts a call as open until the returned function is called. */
  open(caller: Caller): () => void;
  /**
   * Counts a connection as open until the returned function is called. Undefined: the caller may have any number of them,
   * and none is counted.
   */
  openConnection(caller: Caller): (() => void) | undefined;
}

/** Whom a token is for. `clientNetwork` is what the address of its client is counted by. */
export interface LimitedToken {
  readonly clientNetwork: string | undefined;
  readonly subject: string | undefined;
}

/** Of each kind. A bucket takes some 200 bytes; 10⁵ clients are at the limit of what one replica serves. */
const MAX_BUCKETS = 100_000;
/** When a call or a connection ends nobody knows. */
const CLOSED_SOON_MS = 1_000;

/** A bucket to take one from. */
interface Claim {
  readonly limit: Extract<LimitName, "caller" | "client_ip" | "subject" | "spool">;
  readonly key: string;
  readonly rate: Rate;
  readonly allowed: string;
}

export function createLimits({ limitsOf, liveReplicas, spool, now, onLimited }: LimitsParts): Limits {
  // Apart, so that no kind of key takes the room of another.
  const buckets = {
    caller: createBuckets(MAX_BUCKETS),
    client_ip: createBuckets(MAX_BUCKETS),
    subject: createBuckets(MAX_BUCKETS),
    spool: createBuckets(MAX_BUCKETS),
  };
  const openCalls = createAtOnce();
  const openConnections = createAtOnce();
  const share = createFairShare();

  /** Takes one from every bucket, or from none: what one limit refuses does not count for another. */
  function takeAll(claims: readonly Claim[], profile: string, at: number): void {
    const waits = claims.map(({ limit, key, rate }) => buckets[limit].waitNs(key, rate, at));
    const longest = Math.max(...waits);
    const refusing = longest > 0 ? claims[waits.indexOf(longest)] : undefined;
    if (refusing !== undefined) throw limited(refusing.limit, profile, refusing.allowed, Math.ceil(longest / 1e6));
    for (const { limit, key, rate } of claims) buckets[limit].take(key, rate, at);
  }

  function limited(limit: LimitName, profile: string, allowed: string, retryAfterMs: number): Problem {
    onLimited(limit, profile);
    return new Problem("RATE_LIMITED", `too many: ${allowed}`, { retryAfterMs, metadata: { limit } });
  }

  function claim(limit: Claim["limit"], key: string, rate: RateLimit, what: string): Claim {
    const allowed = `${rate.perSecond} a second ${what} are allowed, and ${rate.burst} at once`;
    return { limit, key, rate: rateOf(rate, liveReplicas()), allowed };
  }

  function partOf(most: number): number {
    return Math.max(1, Math.floor(most / liveReplicas()));
  }

  return {
    call({ name }, profile) {
      const { rate } = limitsOf(name);
      if (rate === undefined) return;
      const key = `${profile} ${name}`;
      takeAll([claim("caller", key, rate, "for each caller and profile")], profile, nanoseconds(now()));
    },
    issue({ name }, profile, { clientNetwork, subject }) {
      const at = nanoseconds(now());
      const { clientIp: perClient, subject: perSubject } = profile.metering;
      const claims: Claim[] = [];
      if (perClient !== undefined && clientNetwork !== undefined)
        claims.push(claim("client_ip", `${profile.name} ${clientNetwork}`, perClient, "for each client_ip"));
      if (perSubject !== undefined && subject !== undefined)
        claims.push(claim("subject", `${profile.name} ${subject}`, perSubject, "for each subject"));
      share.seen(name, at);
      const fair = share.rate(spool(), at);
      const allowed = "the audit log is nearly full, and what is left is shared by the callers";
      if (fair !== undefined) claims.push({ limit: "spool", key: name, rate: fair, allowed });
      if (claims.length > 0) takeAll(claims, profile.name, at);
    },
    open({ name }) {
      const most = limitsOf(name).callsAtOnce ?? Infinity;
      const close = openCalls.open(name, partOf(most));
      if (close !== undefined) return close;
      throw limited(
        "calls_at_once",
        "",
        `a caller may have at most ${counted(most, "call")} open at once`,
        CLOSED_SOON_MS,
      );
    },
    openConnection({ name }) {
      const most = limitsOf(name).connections;
      if (most === undefined) return undefined;
      const close = openConnections.open(name, partOf(most));
      if (close !== undefined) return close;
      throw limited("connections", "", `a caller may have at most ${counted(most, "connection")}`, CLOSED_SOON_MS);
    },
  };
}

function nanoseconds(ms: number): number {
  return Math.trunc(ms * 1e6);
}
