import { createHash } from "node:crypto";
import { AuditEvent } from "../../../src/gen/signet/v1/audit.ts";
import { type TailedEvent, tail } from "../../../src/nats/audit/tail.ts";
import { collect, tally } from "../collect.ts";
import { tokenIdsOf } from "./audit-stream.ts";
import type { NatsServer } from "./nats-server.ts";

/** The kinds of fault in an audit trail. */
export type TrailFault =
  | "TOKEN_WITHOUT_EVENT"
  | "TOKEN_WITH_TWO_EVENTS"
  | "EVENT_TWICE"
  | "ID_MISMATCH"
  | "GAP"
  | "BROKEN_LINK";

/** An event, and the bytes that the next event links to. */
interface Entry {
  readonly event: AuditEvent;
  readonly body: Uint8Array;
}

/** All events of the stream, in its order. */
export function trailOf({ url }: Pick<NatsServer, "url">): Promise<TailedEvent[]> {
  const { signal } = new AbortController();
  return collect(tail({ url, subjects: ["signet.audit.>"], follow: false, signal }));
}

/**
 * Counts the faults of a trail by kind; empty for a correct trail. Every token in an answer must have exactly one
 * event, each event must occur once, and each writer's chain must be complete. An event without an answered token is no
 * fault.
 */
export function trailFaults(
  trail: readonly TailedEvent[],
  answered: readonly string[],
): Partial<Record<TrailFault, number>> {
  const entries = trail.map(({ body }) => ({
    event: AuditEvent.fromJSON(JSON.parse(Buffer.from(body).toString())),
    body,
  }));
  return tally([...idFaults(trail, entries), ...tokenFaults(entries, answered), ...chainFaults(entries)]);
}

function idFaults(trail: readonly TailedEvent[], entries: readonly Entry[]): TrailFault[] {
  const ids = entries.map(({ event }) => event.eventId);
  const faults: TrailFault[] = [];
  for (const [at, { headers }] of trail.entries()) {
    if (headers["Nats-Msg-Id"] !== ids[at] || headers["ce-id"] !== ids[at]) faults.push("ID_MISMATCH");
  }
  return faults;
}

function tokenFaults(entries: readonly Entry[], answered: readonly string[]): TrailFault[] {
  const recorded = tokenIdsOf(entries);
  const known = new Set(recorded);
  return [
    ...answered.filter((id) => !known.has(id)).map((): TrailFault => "TOKEN_WITHOUT_EVENT"),
    ...repeated(recorded).map((): TrailFault => "TOKEN_WITH_TWO_EVENTS"),
  ];
}

/** The faults in the chain of each writer. The order of the entries does not matter. */
export function chainFaults(entries: readonly Entry[]): TrailFault[] {
  const twice = repeated(entries.map(({ event }) => event.eventId)).map((): TrailFault => "EVENT_TWICE");
  const writers = Map.groupBy(entries, ({ event }) => event.writer);
  return [...twice, ...[...writers.values()].flatMap((own) => linkFaults(own.toSorted(byPlace)))];
}

// An epoch number may be skipped, since an epoch without a durable event leaves no trace. A hash link may not.
function linkFaults(chain: readonly Entry[]): TrailFault[] {
  const faults: TrailFault[] = [];
  let before: Entry | undefined;
  for (const entry of chain) {
    const { epoch, seq, prevHash } = entry.event;
    const last = before?.event.epoch === epoch ? before.event.seq : 0n;
    if (seq !== last + 1n) faults.push("GAP");
    const linkedTo = before === undefined ? new Uint8Array() : createHash("sha256").update(before.body).digest();
    if (Buffer.compare(prevHash, linkedTo) !== 0) faults.push("BROKEN_LINK");
    before = entry;
  }
  return faults;
}

function byPlace({ event: left }: Entry, { event: right }: Entry): number {
  return Number(left.epoch - right.epoch || left.seq - right.seq);
}

function repeated(names: readonly string[]): string[] {
  const seen = new Set<string>();
  return names.filter((name) => seen.size === seen.add(name).size);
}
