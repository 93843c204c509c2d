import type { AuditEvent, KeyPublished } from "../../gen/signet/v1/audit.ts";
import { decodeEvent } from "../output/audit-line.ts";
import type { Locate } from "../output/audit-verdict.ts";
import { timestampText } from "../output/proto-json.ts";
import { printable } from "../output/safe-text.ts";
import { table } from "../output/table.ts";

/** One event of a key: where it stands in the log, and where it was read. */
interface KeyEvent {
  readonly event: AuditEvent;
  readonly at: number;
}

/** A public key of the log. */
export interface HistoricKey {
  readonly key: KeyPublished;
  /** In the order in which they were read: each replica may have written one, and each start of it. */
  readonly events: readonly KeyEvent[];
}

/**
 * Collects the keys of `key.published` events, each once. A kid is only unique among the keys of its owner, and an
 * import that was not stored may have named another key by it: such keys stand side by side.
 */
export class KeyHistory {
  readonly #keys = new Map<string, { readonly key: KeyPublished; readonly events: Map<string, KeyEvent> }>();

  /** Takes a body that was read at `at`. Anything but an event of a key is passed over. */
  add(body: Uint8Array, at: number): void {
    const event = eventOf(body);
    if (event?.event?.$case !== "keyPublished") return;
    const key = event.event.value;
    const { keyset, profile, tenant, keyId, jwk } = key;
    const id = JSON.stringify([keyset, profile, tenant, keyId, Object.entries(jwk ?? {}).toSorted()]);
    const { events } = this.#keys.get(id) ?? { events: new Map<string, KeyEvent>() };
    if (events.size === 0) this.#keys.set(id, { key, events });
    if (!events.has(event.eventId)) events.set(event.eventId, { event, at });
  }

  get keys(): readonly HistoricKey[] {
    return Array.from(this.#keys.values(), ({ key, events }) => ({ key, events: [...events.values()] }));
  }
}

/** A body without the member costs no parse: most events of a log are no keys. */
function eventOf(body: Uint8Array): AuditEvent | undefined {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return bytes.includes('"keyPublished"') ? decodeEvent(bytes) : undefined;
}

const HEADING = ["KID", "ALG", "OF", "SIGNS FROM", "PUBLISHED", "WRITER", "EPOCH", "SEQ", "EVENTS"];

/** A line for each key, with the place of its first event. */
export function historyTable(keys: readonly HistoricKey[]): string {
  return table([HEADING, ...keys.map(row)]);
}

function row({ key, events }: HistoricKey): string[] {
  const first = events[0]?.event;
  const signs = key.signsFrom === undefined ? "standby" : timestampText(key.signsFrom);
  const published = first?.time === undefined ? "-" : timestampText(first.time);
  const place = [first?.writer ?? "-", String(first?.epoch ?? "-"), String(first?.seq ?? "-")];
  return [key.keyId, key.algorithm, ownerOf(key), signs, published, ...place, String(events.length)].map(printable);
}

function ownerOf({ keyset, profile, tenant }: KeyPublished): string {
  return keyset === "" ? [profile, ...(tenant === "" ? [] : [`tenant ${tenant}`])].join(" ") : keyset;
}

export function historyJson(keys: readonly HistoricKey[], locate: Locate) {
  return {
    keys: keys.map(({ key: { keyId, algorithm, keyset, profile, tenant, signsFrom, jwk }, events }) => ({
      keyId,
      algorithm,
      ...(keyset === "" ? { profile, ...(tenant === "" ? {} : { tenant }) } : { keyset }),
      ...(signsFrom === undefined ? {} : { signsFrom: timestampText(signsFrom) }),
      jwk,
      events: events.map(({ event: { eventId, time, writer, epoch, seq }, at }) => ({
        eventId,
        time: time && timestampText(time),
        ...{ writer, epoch: Number(epoch), seq: Number(seq) },
        ...locate(at).members,
      })),
    })),
  };
}
