import type { Keyring } from "../../../../src/keys/rotating/keyring.ts";
import { start } from "../ring-under-test.ts";
import { type Bucket, createBucket } from "./bucket.ts";
import { POLICY, TICK } from "./policy.ts";
import { createReplica, type SimulatedReplica } from "./replica.ts";

/** What is broken on purpose. */
export interface Breakage {
  /** Every creator of an epoch gets the answer that it won. */
  readonly carelessCreations?: boolean;
  /** Verifiers keep a JWKS for so many milliseconds. */
  readonly verifierCache?: number;
  /** For how many milliseconds a replica issues that has not heard of the bucket. */
  readonly maxOffline?: number;
  /** A key is forgotten when it has signed for the last time. */
  readonly forgetful?: boolean;
}

interface IssuedToken {
  readonly kid: string;
  /** Unix milliseconds of the true time. */
  readonly expiresAt: number;
}

/** What a replica's JWKS held at a time. */
interface Shown {
  readonly at: number;
  readonly kids: ReadonlySet<string>;
}

/** Replicas, the time, and what was seen of them. */
export interface World {
  readonly replicas: readonly SimulatedReplica[];
  readonly bucket: Bucket;
  /** Unix milliseconds. */
  readonly time: () => number;
  /**
   * One tick: all that run look after their rings at once, issue, and are looked at. Throws where an invariant is
   * broken.
   */
  tick(): Promise<void>;
  /** A key was revoked; `successor` signs from now on. */
  revoked(kid: string, successor: string | undefined): void;
}

const TTL = POLICY.maxTtl;

export async function createWorld(count: number, breakage: Breakage): Promise<World> {
  let now = start;
  const time = () => now;
  const bucket = createBucket(time, breakage.carelessCreations ?? false);
  const replicas = Array.from({ length: count }, (_, at) => createReplica(`r${at + 1}`, time, bucket));
  const cache = breakage.verifierCache ?? POLICY.verifierCache;
  const maxOffline = breakage.maxOffline ?? POLICY.period;
  const shown: Shown[] = [];
  const taken = new Set<string>();
  /** Keys that signed before every verifier knew them, as they should. */
  const excused = new Set<string>();
  let tokens: IssuedToken[] = [];
  /** No replica was there to keep the ring, so it may have lapsed. */
  let unattended = false;
  /** Until then the keys that verifiers know may be used up: those that came instead of revoked ones are new. */
  let scarceUntil = 0;

  const running = () => replicas.filter(({ keyring }) => keyring !== undefined);
  const attending = () => running().filter(({ connected, sound }) => connected && sound());

  async function maintain(): Promise<void> {
    await Promise.all(
      running().map(async ({ keyring, connected }) =>
        keyring?.maintain().catch((error) => {
          if (connected) throw error;
        }),
      ),
    );
  }

  function hear(): void {
    const reached = running().filter(({ connected }) => connected);
    for (const { heard, name } of reached) {
      for (const { keyring, name: other } of reached) {
        if (other !== name) heard.set(other, { at: now, epoch: keyring?.epoch ?? 0 });
      }
    }
  }

  function kidsShownBy({ keyring, clock }: SimulatedReplica): Set<string> {
    const retired = breakage.forgetful ? retiredKids(keyring, clock()) : new Set();
    return new Set(keyring?.jwks(clock()).flatMap(({ kid }) => (retired.has(kid) ? [] : [kid])));
  }

  function show(): void {
    for (const replica of attending()) shown.push({ at: now, kids: kidsShownBy(replica) });
    while ((shown[0]?.at ?? now) < now - cache) shown.shift();
  }

  function issue(): void {
    tokens = tokens.filter(({ expiresAt }) => expiresAt > now);
    for (const { keyring, clock, sound, offline } of running()) {
      const kid = keyring?.signer(clock())?.kid;
      if (kid === undefined || !sound() || offline() > maxOffline) continue;
      const unknown = shown.filter(({ kids }) => !kids.has(kid) && !excused.has(kid) && !taken.has(kid));
      require(unknown.length === 0, `a verifier may hold a JWKS without ${kid}, which signs`);
      if (!tokens.some((token) => token.kid === kid && token.expiresAt === now + TTL))
        tokens.push({ kid, expiresAt: now + TTL });
    }
  }

  function requireSigner(): void {
    if (attending().length === 0) unattended = true;
    for (const { keyring, clock, name } of attending()) {
      const signs = keyring?.signer(clock()) !== undefined;
      if (signs) unattended = false;
      const waits = keyring
        ?.list(clock())
        .some(({ state, signFrom }) => state === "published" && signFrom <= clock() + POLICY.lead);
      require(signs || ((unattended || now <= scarceUntil) && waits === true), `no key of ${name} may sign`);
    }
  }

  function requireValidTokens(): void {
    for (const replica of attending()) {
      const { keyring, clock, name } = replica;
      const known = kidsShownBy(replica);
      for (const { kid } of tokens.filter(({ kid }) => !taken.has(kid))) {
        const { state } = keyring?.verifier(kid, clock()) ?? {};
        require(state === "ok" && known.has(kid), `${name} finds ${kid} ${state}, and a token of it lives`);
      }
      for (const { kid } of tokens.filter(({ kid }) => taken.has(kid))) {
        const { state } = keyring?.verifier(kid, clock()) ?? {};
        require(state === "revoked", `${name} finds ${kid} ${state}, which was revoked`);
      }
    }
  }

  function requireEpochs(): void {
    for (const [epoch, records] of bucket.records)
      require(records.size === 1, `epoch ${epoch} has ${records.size} records`);
    for (const replica of running()) {
      const epoch = replica.keyring?.epoch ?? 0;
      require(epoch >= replica.held, `the epoch of ${replica.name} fell to ${epoch}`);
      replica.held = epoch;
    }
    const epochs = new Set(attending().map(({ keyring }) => keyring?.epoch));
    require(epochs.size <= 1, `replicas that are connected hold the epochs ${[...epochs].join()}`);
  }

  const world: World = {
    replicas,
    bucket,
    time,
    async tick() {
      now += TICK;
      // Twice: the others learn of what one made in the first turn.
      await maintain();
      await maintain();
      hear();
      requireEpochs();
      requireSigner();
      show();
      issue();
      requireValidTokens();
    },
    revoked(kid, successor) {
      taken.add(kid);
      scarceUntil = now + POLICY.lead + TICK;
      if (successor !== undefined) excused.add(successor);
    },
  };
  await Promise.all(replicas.map(({ boot }) => boot()));
  const first = replicas[0]?.keyring?.signer(now)?.kid;
  if (first !== undefined) excused.add(first);
  return world;
}

function retiredKids(keyring: Keyring | undefined, now: number): Set<string> {
  return new Set(keyring?.list(now).flatMap(({ kid, state }) => (state === "retired" ? [kid] : [])));
}

function require(holds: boolean, message: string): void {
  if (!holds) throw new Error(message);
}
