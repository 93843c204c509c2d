import { createQueue, type Queue } from "../../async/queue.ts";
import { settledAll } from "../../async/settled-all.ts";
import type { Entry } from "../../state/keyvalue.ts";
import { counterOf } from "../ids.ts";
import { COUNTERS, REMNANT_MS, throwUnreadable } from "../store-keys.ts";
import type { SessionView } from "../view/view.ts";
import { type WriteParts, writeAgain } from "../write-again.ts";
import { decodeCounter, encodeCounter } from "./codec.ts";
import { type CounterRecord, type SessionRow, without } from "./record.ts";

/** What becomes of a counter. Without a record nothing is written. */
interface Changed<Result> {
  readonly record?: CounterRecord;
  readonly result: Result;
}

/** A session that was removed, and the counter that held it. */
export interface Removed {
  readonly sessionId: string;
  readonly record: CounterRecord;
  readonly row: SessionRow;
}

export interface CountersParts extends WriteParts {
  readonly view: SessionView;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** How many counters are changed at a time: a call of the store must end within two seconds. */
const AT_ONCE = 100;

/** The counters in the store. Each is one entry, changed by its revision. */
export class Counters {
  readonly #parts: CountersParts;
  /** One change of a counter at a time: those of one replica would only defeat each other. */
  readonly #queues = new Map<string, { readonly queue: Queue; waiting: number }>();

  constructor(parts: CountersParts) {
    this.#parts = parts;
  }

  /** Changes one counter. `decide` may be called several times. Rejects with the Problem SESSIONS_UNAVAILABLE. */
  change<Result>(
    id: string,
    empty: Omit<CounterRecord, "sessions">,
    decide: (record: CounterRecord) => Changed<Result>,
  ): Promise<Result> {
    const key = COUNTERS + id;
    return this.#inTurn(id, () =>
      writeAgain(this.#parts, key, this.#parts.view.guess(id), (entry) => {
        const { record, result } = decide(recordOf(entry) ?? { ...empty, sessions: [] });
        return record === undefined ? { result } : { ...this.#valueOf(record), result };
      }),
    );
  }

  /** The counter as it is in the store. Rejects with the Problem SESSIONS_UNAVAILABLE. */
  read(id: string): Promise<CounterRecord | undefined> {
    return writeAgain(this.#parts, COUNTERS + id, undefined, (entry) => ({ result: recordOf(entry) }));
  }

  /**
   * Removes those of the sessions for which `ends` holds, and returns them. Unknown ones are ignored. Rejects with the
   * Problem SESSIONS_UNAVAILABLE when it is unknown whether all were removed.
   */
  async remove(sessionIds: Iterable<string>, ends: (row: SessionRow) => boolean): Promise<readonly Removed[]> {
    const byCounter = Map.groupBy(sessionIds, counterOf);
    const removed: Removed[] = [];
    const work = [...byCounter];
    for (let at = 0; at < work.length; at += AT_ONCE) {
      const slice = work.slice(at, at + AT_ONCE);
      removed.push(...(await settledAll(slice.map(([id, ids]) => this.#removeFrom(id, new Set(ids), ends)))).flat());
    }
    return removed;
  }

  async #removeFrom(
    id: string,
    sessionIds: ReadonlySet<string>,
    ends: (row: SessionRow) => boolean,
  ): Promise<readonly Removed[]> {
    const isMeant = (row: SessionRow): boolean => sessionIds.has(id + row.connection) && ends(row);
    return this.change<readonly Removed[]>(id, NOTHING, (record) => {
      const left = without(record, isMeant);
      if (left === undefined) return { result: [] };
      const result = left.removed.map((row) => ({ sessionId: id + row.connection, record, row }));
      return { record: left.record, result };
    });
  }

  /** An empty counter says nothing: it may disappear. */
  #valueOf(record: CounterRecord) {
    const value = encodeCounter(record);
    return record.sessions.length > 0 ? { value } : { value, options: { expiresAt: this.#parts.now() + REMNANT_MS } };
  }

  async #inTurn<Result>(id: string, task: () => Promise<Result>): Promise<Result> {
    const turn = this.#queues.get(id) ?? { queue: createQueue(), waiting: 0 };
    this.#queues.set(id, turn);
    turn.waiting += 1;
    try {
      return await turn.queue.run(task);
    } finally {
      turn.waiting -= 1;
      if (turn.waiting === 0) this.#queues.delete(id);
    }
  }
}

/** A counter that does not exist has no sessions to remove. */
const NOTHING = { profile: "", tenant: "", by: "token" };

/** Throws the StateError CORRUPT: a counter that can't be read, maybe of a later version, must not count as empty. */
function recordOf(entry: Entry | undefined): CounterRecord | undefined {
  return entry && (decodeCounter(entry.value) ?? throwUnreadable(entry));
}
