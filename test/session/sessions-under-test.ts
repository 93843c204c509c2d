import { createHmac } from "node:crypto";
import type { ExecutionContext } from "ava";
import type { AuditEvent } from "../../src/audit/event.ts";
import { createEventCounter } from "../../src/audit/event-counter.ts";
import { KEK_BYTES, kekOf } from "../../src/jose/kek.ts";
import { createSessionSealer } from "../../src/jose/session-seal.ts";
import type { TokenKeys } from "../../src/keys/token-keys.ts";
import { unknownProfile } from "../../src/problem/problem.ts";
import type { Profile } from "../../src/profile/model/profile.ts";
import type { Revocation } from "../../src/revoke/revocation.ts";
import type { SessionParts } from "../../src/session/parts.ts";
import type { OpenRequest, OpenVerification, RenewRequest } from "../../src/session/service.ts";
import { createSessions, type Sessions } from "../../src/session/sessions.ts";
import type { KeyValue } from "../../src/state/keyvalue.ts";
import { createMemoryKeyValue } from "../../src/state/memory.ts";
import type { JsonObject } from "../../src/token/claims/strict-json.ts";
import { reject } from "../../src/token/rejection.ts";
import type { Verdict } from "../../src/token/verify/verify.ts";
import { callerNamed } from "../support/caller.ts";
import { shippedProfile } from "../support/profiles/profiles.ts";
import { waitUntil } from "../support/wait-until.ts";

/** A time at which tests begin, in Unix milliseconds. */
export const START = Date.UTC(2026, 0, 2);
export const GATEWAY = callerNamed("spiffe://test/gateway");

/** Tokens as the fake verifier knows them. */
export interface FakeToken {
  readonly id: string;
  readonly subject: string;
  readonly limit: number;
  readonly kid: string;
}

/** The text of a token that is valid. Any other text is malformed. */
export function fakeToken(token: Partial<FakeToken> = {}): string {
  return JSON.stringify({ id: "t1", subject: "acme", limit: 3, kid: "k1", ...token });
}

export interface World {
  readonly store: KeyValue;
  /** Moves all clocks. Unix milliseconds. */
  readonly clock: { now: number };
  readonly profiles: Map<string, Profile>;
  readonly events: AuditEvent[];
  readonly revokedKeys: Set<string>;
  /** Ids of the tokens that were used up, and by which session. */
  readonly used: Map<string, string>;
  settling: boolean;
  /** Of the watches of revocations. */
  readonly listeners: Set<(revocation: Revocation) => void>;
}

export interface ReplicaUnderTest extends Sessions {
  readonly world: World;
}

/** What replicas share. */
export function createWorld(profile = shippedProfile("euler-stream"), memory?: KeyValue): World {
  const clock = { now: START };
  return {
    store: memory ?? createMemoryKeyValue(() => clock.now),
    clock,
    profiles: new Map([[profile.name, profile]]),
    events: [],
    revokedKeys: new Set(),
    used: new Map(),
    settling: false,
    listeners: new Set(),
  };
}

let leases = 0;

/** One replica of the sessions. It has read the store when this resolves. */
export async function openSessions(
  t: ExecutionContext<unknown>,
  world: World = createWorld(),
  overrides: Partial<SessionParts> = {},
): Promise<ReplicaUnderTest> {
  const sessions = createSessions({ ...partsOf(world), ...overrides });
  sessions.start();
  t.teardown(() => sessions.stop());
  await waitUntil("the sessions are read", () => sessions.isCurrent());
  return { ...sessions, world };
}

export function partsOf(world: World): SessionParts {
  const { clock, store, profiles, events, used, revokedKeys, listeners } = world;
  const now = () => clock.now;
  const audit = { append: async (event: AuditEvent) => void events.push(event) };
  const problems: unknown[] = [];
  return {
    live: { store, isSettling: () => world.settling, generation: () => ({}) },
    verify(request) {
      const profile = profiles.get(request.profile);
      if (profile === undefined) throw unknownProfile(request.profile);
      const common = { profile, epoch: 1, warnings: [], sessionDeadline: undefined };
      return { ...common, verdict: verdictOf(request.credential?.value), revocationViewAgeMs: 0, framed: false };
    },
    async consume({ consume }, { verdict }, sessionId) {
      if (!consume || !verdict.valid) return undefined;
      const user = used.get(verdict.tokenId) ?? sessionId;
      used.set(verdict.tokenId, user);
      return user === sessionId ? undefined : reject("ALREADY_USED", "the token was used before").rejection;
    },
    profiles: () => profiles,
    keysOf: () =>
      ({
        verifier: (kid: string) => ({ state: revokedKeys.has(kid) ? "revoked" : "unknown" }),
      }) as unknown as TokenKeys,
    revocations: {
      async *watch(signal) {
        const waiting: Revocation[] = [];
        let wake = () => {};
        const listener = (revocation: Revocation) => {
          waiting.push(revocation);
          wake();
        };
        listeners.add(listener);
        signal.addEventListener("abort", () => wake());
        yield "current";
        while (!signal.aborted) {
          yield* waiting.splice(0);
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        listeners.delete(listener);
      },
    },
    hashSubject: (subject) => `hash of ${subject}`,
    hash: (text) => createHmac("sha256", "test").update(text).digest(),
    sealer: createSessionSealer([kekOf(Buffer.alloc(KEK_BYTES))]),
    newLeaseId() {
      leases += 1;
      return leases.toString(16).padStart(16, "0");
    },
    random: () => 0,
    now,
    monotonic: now,
    audit,
    counter: createEventCounter(audit, now, (error) => problems.push(error)),
    onOpened: () => undefined,
    onClosed: () => undefined,
    onRefused: () => undefined,
    onProblem: (error) => problems.push(error),
  };
}

function verdictOf(text: unknown): Verdict {
  let token: FakeToken;
  try {
    token = JSON.parse(String(text));
  } catch {
    return { valid: false, ...reject("MALFORMED", "the token is not a compact JWS") };
  }
  const { id, subject, limit, kid } = token;
  const issuedAt = START / 1000 - 10;
  const claims: JsonObject = { sub: subject, ws: { maxWebSockets: limit } };
  return { valid: true, claims, subject, issuedAt, warnings: [], tokenId: id, keyId: kid, expiresAt: issuedAt + 60 };
}

export function openRequest(
  connectionId: string,
  {
    token = fakeToken(),
    ...overrides
  }: Partial<OpenRequest> & { readonly token?: string; readonly consume?: boolean } = {},
): OpenRequest {
  const verification: OpenVerification = {
    ...{ profile: "euler-stream", credential: { $case: "token", value: token }, tenant: "", audience: "" },
    ...{ context: { uniqueId: "c" }, at: undefined, consume: overrides.consume ?? false, requestId: "" },
  };
  return { verification, gatewayId: "g1", connectionId, leaseId: "", leaseMs: undefined, ...overrides };
}

export function renewRequest(overrides: Partial<RenewRequest> = {}): RenewRequest {
  return {
    ...{ gatewayId: "g1", leaseId: "", leaseMs: undefined, closedSessionIds: [], sessionCount: 0 },
    ...{ digest: new Uint8Array(16), page: undefined, ...overrides },
  };
}

/** The code of the answer: `opened`, or the reason of the rejection. */
export async function outcomeOf(work: ReturnType<Sessions["open"]>): Promise<string> {
  const { verification, opened } = await work;
  if (opened !== undefined) return "opened";
  return verification.verdict.valid ? "valid" : verification.verdict.rejection.reason;
}
