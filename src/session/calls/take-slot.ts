import { type Closing, leaseKey } from "../closing.ts";
import type { Counters } from "../counter/counters.ts";
import { type CounterRecord, type Opening, openIn, type SessionRow } from "../counter/record.ts";
import { sessionId } from "../ids.ts";
import type { Leases } from "../lease/leases.ts";

/** One more session of a counter. */
interface WantedSlot {
  /** The counter's id. */
  readonly id: string;
  readonly empty: Omit<CounterRecord, "sessions">;
  /** Undefined: any number. */
  readonly limit: number | undefined;
  readonly row: SessionRow;
}

export interface SlotParts {
  readonly counters: Pick<Counters, "change">;
  readonly leases: Pick<Leases, "hasEnded">;
  readonly closing: Pick<Closing, "ofEndedLeases">;
}

/**
 * Takes a slot by one write. Only if the counter is full, its leases are examined, and the sessions of those that have
 * ended make way. Rejects with the Problem SESSIONS_UNAVAILABLE.
 */
export async function takeSlot(wanted: WantedSlot, parts: SlotParts): Promise<Opening> {
  const { id, empty, limit, row } = wanted;
  const open = (): Promise<Opening> =>
    parts.counters.change<Opening>(id, empty, (before) => {
      const result = openIn(before, row, limit);
      const record = result.outcome === "opened" || result.outcome === "already" ? result.record : undefined;
      return record === undefined ? { result } : { record, result };
    });
  const first = await open();
  if (first.outcome !== "full") return first;
  return (await freeEnded(id, first.record.sessions, parts)) ? open() : first;
}

/** Frees the slots of sessions whose leases have ended. Returns whether there were any. */
async function freeEnded(id: string, rows: readonly SessionRow[], { leases, closing }: SlotParts): Promise<boolean> {
  const ended = new Set<string>();
  await Promise.all(
    [...Map.groupBy(rows, leaseKey)].map(async ([key, [row]]) => {
      if (row !== undefined && (await leases.hasEnded(row.gateway, row.lease))) ended.add(key);
    }),
  );
  const hasEnded = (row: SessionRow): boolean => ended.has(leaseKey(row));
  const freed = rows.filter(hasEnded).map(({ connection }) => sessionId(id, connection));
  if (freed.length > 0) await closing.ofEndedLeases(freed, hasEnded);
  return freed.length > 0;
}
