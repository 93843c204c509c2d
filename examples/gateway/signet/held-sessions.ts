import { createHash } from "node:crypto";
import type { HeldSession, Session, SessionPage } from "../gen/signet/v1/session.ts";
import type { Rejection } from "../gen/signet/v1/token.ts";
import { after, type Timer } from "./after.ts";

/** Closes a connection, as the profile shows the reason to the client. */
export type EndConnection = (rejection: Rejection) => void;

/** With 5 000 ids that have closed, a page is below the 2 MiB that Signet accepts by default. */
const MOST_PAGE_BYTES = 1_500_000;

/** A page before it is known which renewal it follows. */
export type Page = Omit<SessionPage, "renewalId">;

interface Held {
  readonly session: Session;
  readonly endConnection: EndConnection;
  readonly atDeadline: Rejection;
  readonly deadline: Timer | undefined;
  readonly idle: Timer | undefined;
}

/** The sessions that a gateway holds, with their deadlines and their digest. */
export class HeldSessions {
  readonly #held = new Map<string, Held>();
  readonly #digest = Buffer.alloc(16);
  readonly #onGone: (sessionId: string) => void;

  /** `onGone` hears of each session that leaves, however it does. */
  constructor(onGone: (sessionId: string) => void) {
    this.#onGone = onGone;
  }

  get size(): number {
    return this.#held.size;
  }

  /** The XOR of the first 16 bytes of SHA-256 of each session id. */
  get digest(): Buffer {
    return Buffer.from(this.#digest);
  }

  has(sessionId: string): boolean {
    return this.#held.has(sessionId);
  }

  /** Adds a session whose opening began `elapsedMs` ago. At its deadline the connection is shown `atDeadline`. */
  add(session: Session, elapsedMs: number, atDeadline: Rejection, endConnection: EndConnection): void {
    const { sessionId, openedAt, deadline, idleMax } = session;
    const late = () => this.end(sessionId);
    // The difference of two times of Signet: what the clock of this machine says does not matter.
    const lifeMs = deadline && openedAt && deadline.getTime() - openedAt.getTime() - elapsedMs;
    this.#held.set(sessionId, {
      session,
      endConnection,
      atDeadline,
      deadline: lifeMs === undefined ? undefined : after(lifeMs, late),
      idle: idleMax && after(Number(idleMax.seconds) * 1_000 + idleMax.nanos / 1e6, late),
    });
    this.#toggle(sessionId);
  }

  /** The connection has received a message: it is not idle. */
  touch(sessionId: string): void {
    this.#held.get(sessionId)?.idle?.restart();
  }

  /** Removes a session whose connection has closed. */
  remove(sessionId: string): void {
    this.#forget(sessionId);
  }

  /** Ends a session, and closes its connection with this rejection, by default the one for its deadline. */
  end(sessionId: string, rejection?: Rejection): void {
    const held = this.#forget(sessionId);
    held?.endConnection(rejection ?? held.atDeadline);
  }

  endAll(): void {
    for (const sessionId of this.#held.keys()) this.end(sessionId);
  }

  /** The pages of all sessions that are held now, in the order of their ids; at least one. */
  *pages(size: number): Generator<Page> {
    const ids = [...this.#held.keys()].toSorted().reverse();
    let after = "";
    do {
      const sessions = this.#takePage(ids, size);
      yield { after, last: ids.length === 0, sessions };
      after = sessions.at(-1)?.sessionId ?? "";
    } while (ids.length > 0);
  }

  /**
   * Takes the next sessions off the end of the list. Those that have closed since it began are in no page: one without
   * any session, which is not the last, would be refused.
   */
  #takePage(ids: string[], size: number): HeldSession[] {
    const page: HeldSession[] = [];
    let bytes = 0;
    while (page.length < size && bytes < MOST_PAGE_BYTES) {
      const id = ids.pop();
      if (id === undefined) break;
      const session = this.#held.get(id)?.session;
      if (session === undefined) continue;
      const { sessionId, resume } = session;
      page.push({ sessionId, resume });
      bytes += sessionId.length + resume.length;
    }
    return page;
  }

  #forget(sessionId: string): Held | undefined {
    const held = this.#held.get(sessionId);
    if (held === undefined) return undefined;
    held.deadline?.stop();
    held.idle?.stop();
    this.#held.delete(sessionId);
    this.#toggle(sessionId);
    this.#onGone(sessionId);
    return held;
  }

  /** An XOR adds a session and, the second time, removes it. */
  #toggle(sessionId: string): void {
    const hash = createHash("sha256").update(sessionId).digest();
    for (const [at, byte] of this.#digest.entries()) this.#digest[at] = byte ^ Number(hash[at]);
  }
}
