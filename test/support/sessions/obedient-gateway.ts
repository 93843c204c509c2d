import { createHash } from "node:crypto";
import type { RenewRequest } from "../../../src/session/service.ts";

/** The calls of a gateway, whether by gRPC or in the process. */
export interface GatewayCalls {
  open(request: OpenCall): Promise<OpenedByGateway>;
  renew(request: RenewRequest): Promise<{
    readonly leaseId: string;
    readonly durationMs: number;
    readonly ended: readonly string[];
    readonly listWanted: boolean;
    readonly renewalId: string;
  }>;
}

/** What is to be opened, under a token of one profile. */
interface OpenCall {
  readonly token: string;
  readonly connectionId: string;
  readonly gatewayId: string;
  readonly leaseId: string;
}

interface OpenedByGateway {
  /** `opened`, or the reason of the rejection. */
  readonly outcome: string;
  /** Empty, as what follows, unless it is open. */
  readonly sessionId: string;
  readonly leaseId: string;
  readonly resume: Uint8Array;
}

interface HeldConnection {
  readonly sessionId: string;
  readonly token: string;
  readonly resume: Uint8Array;
}

/** A gateway that obeys the contract, by its own clock. */
export class ObedientGateway {
  readonly id: string;
  readonly #now: () => number;
  readonly #askedMs: number | undefined;
  readonly #held = new Map<string, HeldConnection>();
  #leaseId = "";
  #leaseMs = 0;
  #until = Number.NEGATIVE_INFINITY;
  #closed: string[] = [];
  #listWanted = false;
  #renewalId = "";
  #isRenewing = false;
  /** Of the last renewal: its number, and the closed sessions that it tells. */
  #renewal = 0;
  #telling: readonly string[] = [];
  /** How many renewals have succeeded. */
  renewals = 0;

  /** `now`: milliseconds of a clock that is never set. `leaseMs`: the lease that it asks for. */
  constructor(id: string, now: () => number, leaseMs?: number) {
    this.id = id;
    this.#now = now;
    this.#askedMs = leaseMs;
  }

  /** How many connections are open now, of all tokens or of one. */
  open(token?: string): number {
    this.#obeyLease();
    return [...this.#held.values()].filter((one) => token === undefined || one.token === token).length;
  }

  get leaseId(): string {
    this.#obeyLease();
    return this.#leaseId;
  }

  get isRenewing(): boolean {
    return this.#isRenewing;
  }

  /** Renews at any replica; one renewal at a time. Resolves with whether it succeeded. */
  async renew(service: Pick<GatewayCalls, "renew">): Promise<boolean> {
    if (this.#isRenewing) return false;
    this.#obeyLease();
    this.#isRenewing = true;
    this.#renewal += 1;
    const [renewal, sentAt, closed] = [this.#renewal, this.#now(), this.#closed.splice(0)];
    this.#telling = closed;
    const held = [...this.#held.values()].toSorted((one, other) => (one.sessionId < other.sessionId ? -1 : 1));
    const digest = digestOf(held.map(({ sessionId }) => sessionId));
    const page = this.#listWanted ? { after: "", last: true, sessions: held, renewalId: this.#renewalId } : undefined;
    const lease = { gatewayId: this.id, leaseId: this.#leaseId, leaseMs: this.#askedMs };
    try {
      const answer = await service.renew({
        ...{ ...lease, closedSessionIds: closed, sessionCount: held.length, digest, page },
      });
      if (renewal !== this.#renewal) return false;
      this.#obeyLease();
      this.#listWanted = answer.listWanted;
      this.#renewalId = answer.renewalId;
      if (answer.leaseId !== this.#leaseId) this.#closeAll();
      this.#leaseId = answer.leaseId;
      this.#leaseMs = answer.durationMs;
      this.#until = sentAt + answer.durationMs;
      for (const sessionId of answer.ended) this.close(sessionId);
      this.renewals += 1;
      return true;
    } catch {
      if (renewal === this.#renewal) this.giveUp();
      return false;
    } finally {
      if (renewal === this.#renewal) this.#isRenewing = false;
    }
  }

  /** Waits no longer for the answer to a renewal, which may still be executed. */
  giveUp(): void {
    if (!this.#isRenewing) return;
    this.#renewal += 1;
    this.#closed.push(...this.#telling);
    this.#isRenewing = false;
  }

  /** Opens a connection under the lease that it holds. Resolves with the outcome, or with the code of the error. */
  async connect(service: Pick<GatewayCalls, "open">, connectionId: string, token: string): Promise<string> {
    const [sentAt, leaseId] = [this.#now(), this.leaseId];
    try {
      const opened = await service.open({ token, connectionId, gatewayId: this.id, leaseId });
      if (opened.outcome !== "opened") return opened.outcome;
      const isLate = this.#now() >= sentAt + this.#leaseMs;
      if (opened.leaseId !== leaseId || leaseId !== this.leaseId || isLate) return "discarded";
      const { sessionId, resume } = opened;
      this.#held.set(sessionId, { sessionId, token, resume });
      return "opened";
    } catch (error) {
      return codeOf(error);
    }
  }

  /** Closes some connection, if there is one. */
  disconnect(pick: (count: number) => number): void {
    const held = [...this.#held.keys()];
    const sessionId = held.length === 0 ? undefined : held[pick(held.length)];
    if (sessionId !== undefined) this.close(sessionId);
  }

  close(sessionId: string): void {
    if (this.#held.delete(sessionId)) this.#closed.push(sessionId);
  }

  #closeAll(): void {
    this.#held.clear();
    this.#closed = [];
    this.#listWanted = false;
  }

  #obeyLease(): void {
    if (this.#now() < this.#until) return;
    this.#closeAll();
    this.#leaseId = "";
  }
}

/** The code of a Problem, or of a call by gRPC. */
function codeOf(error: unknown): string {
  return String((error as { readonly code?: unknown }).code);
}

/** The digest of the contract. */
export function digestOf(sessionIds: readonly string[]): Buffer {
  const digest = Buffer.alloc(16);
  for (const id of sessionIds) {
    const part = createHash("sha256").update(id).digest();
    for (let at = 0; at < 16; at++) digest[at] = (digest[at] ?? 0) ^ (part[at] ?? 0);
  }
  return digest;
}
