import { createHash } from "node:crypto";
import { AuditEvent } from "../../../src/gen/signet/v1/audit.ts";
import { type TailedEvent, tail } from "../../../src/nats/audit/tail.ts";
import { collect, tally } from "../collect.ts";
import { tokenIdsOf } from "./audit-stream.ts";
import type { NatsServer } from "./nats-server.ts";

/** What can be wrong with an audit trail. */
export type TrailFault =
  | "TOKEN_WITHOUT_EVENT"
  | "TOKEN_WITH_TWO_EVENTS"
  | "EVENT_TWICE"
  | "ID_MISMATCH"
  | "GAP"
  | "BROKEN_LINK";

/** An event, and the bytes that the event after it links to. */
interface Entry {
  readonly event: AuditEvent;
  readonly body: Uint8Array;
}

/** Every event of the stream, in the stream's order. */
export function trailOf({ url }: Pick<NatsServer, "url">): Promise<TailedEvent[]> {
  const { signal } = new AbortController();
  return collect(tail({ url, subject: "signet.audit.>", from: "all", follow: false, signal }));
}

/**
 * How often which fault is in a trail; empty for a good one. Every token that was answered has exactly one event,
 * each event is there once, and each writer's chain is whole. Events of tokens that nobody got are right.
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

/** What is wrong with each writer's chain of events, whose order among the entries does not matter. */
export function chainFaults(entries: readonly Entry[]): TrailFault[] {
  const twice = repeated(entries.map(({ event }) => event.eventId)).map((): TrailFault => "EVENT_TWICE");
  const writers = Map.groupBy(entries, ({ event }) => event.writer);
  return [...twice, ...[...writers.values()].flatMap((own) => linkFaults(own.toSorted(byPlace)))];
}

// Over epochs the numbers may skip: an epoch that wrote nothing durable left no trace. The link from hash to hash may not.
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
