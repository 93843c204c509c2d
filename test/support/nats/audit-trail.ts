import { createHash } from "node:crypto";
import { NatsError } from "nats";
import { SinkError } from "../../../src/audit/forward/sink.ts";
import { AuditEvent } from "../../../src/gen/signet/v1/audit.ts";
import type { TailedEvent } from "../../../src/nats/audit/read-stream.ts";
import { tail } from "../../../src/nats/audit/tail.ts";
import { HANGS_MS } from "../bounded.ts";
import { collect, tally } from "../collect.ts";
import { waitUntil } from "../wait-until.ts";
import { isEvent, tokenIdsOf } from "./audit-stream.ts";
import { openAccess } from "./nats-access.ts";
import type { NatsServer } from "./nats-server.ts";

// This shares nothing with `audit verify`: it is a second opinion, with the generated codec and a sort of all events. A
// mistake in shared code would hide what both should find. It also knows more: each token that was answered.

/** The kinds of fault in an audit trail. */
export type TrailFault =
  | "TOKEN_WITHOUT_EVENT"
  | "TOKEN_WITH_TWO_EVENTS"
  | "EVENT_TWICE"
  | "ID_MISMATCH"
  | "GAP"
  | "WRONG_INDEX"
  | "BROKEN_LINK";

/** An event, and the bytes that the next event links to. */
interface Entry {
  readonly event: AuditEvent;
  readonly body: Uint8Array;
}

/**
 * All events of the stream, in its order. A cluster that is whole again answers 503, or nothing, until it has elected its
 * leaders.
 */
export async function trailOf({ url }: Pick<NatsServer, "url">): Promise<TailedEvent[]> {
  const { signal } = new AbortController();
  let messages: TailedEvent[] = [];
  const isRead = async () => {
    try {
      const access = openAccess(url);
      messages = await collect(tail({ access, subjects: ["signet.audit.>"], follow: false, signal }));
      return true;
    } catch (error) {
      if (hasNoLeader(error)) return false;
      throw error;
    }
  };
  await waitUntil("the stream can be read", isRead, 3 * HANGS_MS);
  return messages.filter(isEvent);
}

function hasNoLeader(error: unknown): boolean {
  const cause = error instanceof SinkError ? error.cause : error;
  return cause instanceof NatsError && ["503", "TIMEOUT"].includes(cause.code);
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

/** The ids of the tokens that a writer reported before it had reported the key that signed them. */
export function tokensBeforeTheirKey(trail: readonly Pick<TailedEvent, "body">[]): string[] {
  const entries = trail.map(({ body }) => ({
    event: AuditEvent.fromJSON(JSON.parse(Buffer.from(body).toString())),
    body,
  }));
  const published = new Map<string, Set<string>>();
  return entries.toSorted(byPlace).flatMap(({ event: { writer, event } }) => {
    const keys = published.get(writer) ?? new Set();
    published.set(writer, keys);
    if (event?.$case === "keyPublished") keys.add(event.value.keyId);
    return event?.$case === "tokenIssued" && !keys.has(event.value.keyId) ? [event.value.tokenId] : [];
  });
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
    const { epoch, seq, prevHash, logIndex } = entry.event;
    const last = before?.event.epoch === epoch ? before.event.seq : 0n;
    if (seq !== last + 1n) faults.push("GAP");
    const linkedTo = before === undefined ? new Uint8Array() : createHash("sha256").update(before.body).digest();
    if (Buffer.compare(prevHash, linkedTo) !== 0) faults.push("BROKEN_LINK");
    if (!follows(logIndex, before)) faults.push("WRONG_INDEX");
    before = entry;
  }
  return faults;
}

// A writer of a version without logs gives no event an index, and every other gives one to each.
function follows(index: bigint | undefined, before: Entry | undefined): boolean {
  if (before === undefined) return index === undefined || index === 0n;
  const { logIndex } = before.event;
  return logIndex === undefined ? index === undefined : index === logIndex + 1n;
}

/** The size and the tree hash of a writer's log, by the definition of RFC 6962, 2.1. */
export function logOf(trail: readonly TailedEvent[], writer: string): { readonly size: number; readonly root: string } {
  const leaves = trail
    .map(({ body }) => ({ event: AuditEvent.fromJSON(JSON.parse(Buffer.from(body).toString())), body }))
    .filter(({ event }) => event.writer === writer)
    .toSorted(byPlace)
    .map(({ body }) => sha256([0], body));
  return { size: leaves.length, root: treeHash(leaves).toString("base64") };
}

function treeHash(leaves: readonly Buffer[]): Buffer {
  const [leaf = sha256()] = leaves;
  if (leaves.length <= 1) return leaf;
  let left = 1;
  while (2 * left < leaves.length) left *= 2;
  return sha256([1], treeHash(leaves.slice(0, left)), treeHash(leaves.slice(left)));
}

function sha256(...parts: (Uint8Array | number[])[]): Buffer {
  const digest = createHash("sha256");
  for (const part of parts) digest.update(Buffer.from(part));
  return digest.digest();
}

function byPlace({ event: left }: Entry, { event: right }: Entry): number {
  return Number(left.epoch - right.epoch || left.seq - right.seq);
}

function repeated(names: readonly string[]): string[] {
  const seen = new Set<string>();
  return names.filter((name) => seen.size === seen.add(name).size);
}
