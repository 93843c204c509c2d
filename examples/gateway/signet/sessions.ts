import { setTimeout as pause } from "node:timers/promises";
import type { OpenSessionResponse, SessionLease, WatchSessionsResponse } from "../gen/signet/v1/session.ts";
import { Rejection, RejectionReason, type VerifyTokenRequest } from "../gen/signet/v1/token.ts";
import { after, type Timer } from "./after.ts";
import type { Signet } from "./client.ts";
import { elapsedSince, type Instant, instant } from "./elapsed.ts";
import { type EndConnection, HeldSessions, type Page } from "./held-sessions.ts";

const LEASE_MS = 30_000;
/** Renewals in each lease: two in a row may fail before it lapses. */
const RENEWALS = 3;
const RETRY_MS = 250;
/** The most sessions in one message. */
const MOST = 5_000;

/** For a profile that says nothing about the end of its sessions. */
const ENDED = Rejection.fromPartial({ reason: RejectionReason.REJECTION_REASON_SESSION_ENDED });

type SessionCalls = Pick<Signet, "openSession" | "renewSessions" | "closeSessions" | "watchSessions">;

export interface SessionsOptions {
  /** The name of this process, which no other process of the same caller has. */
  readonly gatewayId: string;
  /** From 5 s to 5 min. */
  readonly leaseMs?: number;
  /** Hears what happens to the lease. Of an outage it hears the first renewal that fails, and the next that succeeds. */
  readonly onLease?: (change: "held" | "not renewed" | "renewed" | "lapsed" | "replaced", error?: unknown) => void;
}

/** The answer to an open. `connection` is there if and only if the token is valid and had a free slot. */
export interface Opened extends OpenSessionResponse {
  readonly connection: SessionConnection | undefined;
}

/** A connection that is open under a session. */
export interface SessionConnection {
  /** Whether the connection may be served now. To be asked before each message, in either direction. */
  isOpen(): boolean;
  /** A message has arrived. */
  touch(): void;
  /** The connection has closed: its slot becomes free. */
  close(): void;
}

/** It is in doubt whether a slot is free: the connection is refused, and the client may try again. */
export class InDoubt extends Error {}

/**
 * The sessions of this gateway, and its one lease on all of them.
 *
 * The lease counts from before the request that renewed it was sent. When it lapses, every connection is closed: from
 * then on Signet may give their slots to others. A process that was stopped (SIGSTOP), or whose machine slept, serves
 * none of them when it goes on.
 */
export class Sessions {
  readonly #signet: SessionCalls;
  readonly #options: Required<SessionsOptions>;
  readonly #held = new HeldSessions((sessionId) => this.#giveBack(sessionId));
  /** Closed here, and not yet known to Signet. */
  readonly #closed = new Set<string>();
  readonly #opening = new Set<Promise<unknown>>();
  readonly #stopping = new AbortController();
  #lease: { readonly id: string; readonly sentAt: Instant; readonly durationMs: number } | undefined;
  #lapse: Timer | undefined;
  /** Of the last answer. */
  #renewalId = "";
  /** Whether the last renewal succeeded. */
  #isRenewed = true;
  #listing: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(signet: SessionCalls, options: SessionsOptions) {
    this.#signet = signet;
    this.#options = { leaseMs: LEASE_MS, onLease: () => {}, ...options };
  }

  /** How many sessions are open. */
  get size(): number {
    return this.#held.size;
  }

  /** Takes the lease and keeps it until {@link stop}. Resolves after the first attempt, also if that failed. */
  async start(): Promise<void> {
    await this.#renewAndSettle();
    void this.#keepRenewing();
    void this.#keepWatching();
  }

  /** Closes what is still open, gives back all slots, and lets the lease go. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.allSettled(this.#opening);
    this.#held.endAll();
    await this.#closing;
    this.#lapse?.stop();
  }

  /**
   * Verifies the token of a connection and opens a session for it. `endConnection` is called at most once, when the
   * session ends before the connection does. Throws {@link InDoubt} without a lease, and otherwise the ServiceError.
   */
  async open(verification: VerifyTokenRequest, connectionId: string, endConnection: EndConnection): Promise<Opened> {
    // A client that closes one connection and opens the next at once finds the slot free.
    await this.#closing;
    // A list of all sessions must not miss one that opens meanwhile: Signet would take it for closed.
    while (this.#listing !== undefined) await this.#listing;
    const opening = this.#open(verification, connectionId, endConnection);
    this.#opening.add(opening);
    return opening.finally(() => this.#opening.delete(opening));
  }

  async #open(verification: VerifyTokenRequest, connectionId: string, endConnection: EndConnection): Promise<Opened> {
    const held = this.#lease;
    if (held === undefined || !this.#isLeaseHeld() || this.#stopping.signal.aborted)
      throw new InDoubt("the gateway holds no lease");
    const { gatewayId, leaseMs } = this.#options;
    const sentAt = instant();
    const request = { verification, gatewayId, connectionId, lease: durationOf(leaseMs), leaseId: held.id };
    const answer = await this.#signet.openSession(request, leaseMs / RENEWALS);
    const { session, lease, atDeadline } = answer;
    if (session === undefined) return { ...answer, connection: undefined };
    const { sessionId } = session;
    // Another lease than the one that was sent: with that one, every session of this gateway has ended.
    if (lease?.leaseId !== held.id && this.#lease?.id === held.id) this.#letLapse();
    if (!this.#isLeaseHeld() || lease?.leaseId !== this.#lease?.id) {
      this.#giveBack(sessionId);
      throw new InDoubt("the lease lapsed while the session was opened");
    }
    this.#held.add(session, elapsedSince(sentAt), atDeadline ?? ENDED, endConnection);
    const connection = {
      isOpen: () => this.#isLeaseHeld() && this.#held.has(sessionId),
      touch: () => this.#held.touch(sessionId),
      close: () => this.#held.remove(sessionId),
    };
    return { ...answer, connection };
  }

  #isLeaseHeld(): boolean {
    return this.#lease !== undefined && elapsedSince(this.#lease.sentAt) < this.#lease.durationMs;
  }

  async #keepRenewing(): Promise<void> {
    while (await this.#pause(this.#isRenewed ? this.#options.leaseMs / RENEWALS : RETRY_MS))
      await this.#renewAndSettle();
  }

  /** Renews the lease, and settles with Signet which sessions are open. */
  async #renewAndSettle(): Promise<void> {
    const wasRenewed = this.#isRenewed;
    try {
      // Sessions that were opening while the digest was taken may be all that differs, so it is taken again.
      if (await this.#renew()) await this.#whileNoneOpens(async () => (await this.#renew()) && (await this.#list()));
      this.#isRenewed = true;
      if (!wasRenewed) this.#options.onLease("renewed");
    } catch (error) {
      this.#isRenewed = false;
      if (wasRenewed && !this.#stopping.signal.aborted) this.#options.onLease("not renewed", error);
    }
  }

  async #whileNoneOpens(work: () => Promise<unknown>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#listing = promise;
    try {
      await Promise.allSettled(this.#opening);
      await work();
    } finally {
      this.#listing = undefined;
      resolve();
    }
  }

  async #list(): Promise<void> {
    for (const page of this.#held.pages(MOST)) await this.#renew(page);
  }

  /** Renews the lease. True if Signet wants a list of all sessions. */
  async #renew(page?: Page): Promise<boolean> {
    const { gatewayId, leaseMs } = this.#options;
    const closedSessionIds = [...this.#closed].slice(0, MOST);
    const sentAt = instant();
    const request = {
      gatewayId,
      leaseId: this.#lease?.id ?? "",
      lease: durationOf(leaseMs),
      closedSessionIds,
      sessionCount: this.#held.size,
      digest: this.#held.digest,
      page: page && { ...page, renewalId: this.#renewalId },
    };
    const { lease, ended, listWanted, renewalId } = await this.#signet.renewSessions(request, leaseMs / RENEWALS);
    this.#renewalId = renewalId;
    for (const sessionId of closedSessionIds) this.#closed.delete(sessionId);
    if (lease !== undefined) this.#adopt(lease, sentAt);
    for (const { sessionId, rejection } of ended) this.#held.end(sessionId, rejection);
    return listWanted;
  }

  #adopt({ leaseId, duration }: SessionLease, sentAt: Instant): void {
    const { onLease } = this.#options;
    const durationMs = Number(duration?.seconds ?? 0) * 1_000 + (duration?.nanos ?? 0) / 1e6;
    if (this.#lease !== undefined && this.#lease.id !== leaseId) {
      this.#held.endAll();
      onLease("replaced");
    }
    if (this.#lease === undefined) onLease("held");
    this.#lease = { id: leaseId, sentAt, durationMs };
    this.#lapse?.stop();
    // At once, if the answer took longer than the lease.
    this.#lapse = after(durationMs - elapsedSince(sentAt), () => this.#letLapse());
  }

  #letLapse(): void {
    this.#lease = undefined;
    this.#options.onLease("lapsed");
    this.#held.endAll();
  }

  /** Sessions that close in one turn of the event loop share a call. What fails here is part of the next renewal. */
  #giveBack(sessionId: string): void {
    this.#closed.add(sessionId);
    this.#closing ??= Promise.resolve()
      .then(() => this.#sendClosed())
      .catch(() => undefined)
      .finally(() => {
        this.#closing = undefined;
      });
  }

  async #sendClosed(): Promise<void> {
    while (this.#closed.size > 0) {
      const sessionIds = [...this.#closed].slice(0, MOST);
      await this.#signet.closeSessions({ gatewayId: this.#options.gatewayId, sessionIds });
      for (const sessionId of sessionIds) this.#closed.delete(sessionId);
    }
  }

  /** Hears within a second which sessions to close, because a token, a subject or a key was revoked. */
  async #keepWatching(): Promise<void> {
    do {
      const stream = this.#signet.watchSessions(this.#options.gatewayId);
      const cancel = () => stream.cancel();
      this.#stopping.signal.addEventListener("abort", cancel);
      try {
        for await (const { change } of stream as AsyncIterable<WatchSessionsResponse>)
          if (change?.$case === "ended") this.#held.end(change.value.sessionId, change.value.rejection);
      } catch {
        // Until it is open again, each renewal says what has ended.
      }
      this.#stopping.signal.removeEventListener("abort", cancel);
    } while (await this.#pause(RETRY_MS));
  }

  /** False when the sessions are being stopped. */
  async #pause(ms: number): Promise<boolean> {
    await pause(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
    return !this.#stopping.signal.aborted;
  }
}

function durationOf(ms: number) {
  return { seconds: BigInt(Math.floor(ms / 1_000)), nanos: (ms % 1_000) * 1e6 };
}
