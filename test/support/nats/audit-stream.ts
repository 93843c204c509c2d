import type { MsgHdrs, NatsConnection } from "nats";
import { AuditEvent } from "../../../src/gen/signet/v1/audit.ts";
import { AUDIT_STREAMS } from "../../../src/nats/audit/streams.ts";
import { connect } from "./connect.ts";

/** A message of the audit stream, as a subscriber receives it. */
export interface AuditMessage {
  readonly subject: string;
  readonly headers: MsgHdrs | undefined;
  /** The bytes whose SHA-256 is the `prev_hash` of the next event. */
  readonly body: Uint8Array;
  readonly event: AuditEvent;
}

interface Received {
  readonly subject: string;
  readonly headers?: MsgHdrs | undefined;
  readonly data: Uint8Array;
}

export function decodeMessage({ subject, headers, data }: Received): AuditMessage {
  const event = AuditEvent.fromJSON(JSON.parse(new TextDecoder().decode(data)));
  return { subject, headers, body: data, event };
}

/** Whether a message is an event. The others are checkpoints. */
export function isEvent({ subject }: { readonly subject: string }): boolean {
  return !subject.startsWith("signet.audit.checkpoint.");
}

/** All events of the streams of the audit log, oldest first. Empty if there is no stream. */
export async function readAuditStream(url: string): Promise<AuditMessage[]> {
  const connection = await connect({ servers: url });
  try {
    return await readAll(connection);
  } finally {
    await connection.close();
  }
}

async function readAll(connection: NatsConnection): Promise<AuditMessage[]> {
  const jetstream = connection.jetstream();
  const manager = await connection.jetstreamManager();
  const names = await manager.streams.names().next();
  const messages: AuditMessage[] = [];
  for (const name of AUDIT_STREAMS) {
    const stored = names.includes(name) ? (await manager.streams.info(name)).state.messages : 0;
    if (stored === 0) continue;
    for await (const message of await (await jetstream.consumers.get(name)).consume()) {
      if (isEvent(message)) messages.push(decodeMessage(message));
      if (message.info.pending === 0) break;
    }
  }
  return messages;
}

/** The ids of the tokens whose issuance the events record. */
export function tokenIdsOf(messages: readonly Pick<AuditMessage, "event">[]): string[] {
  return messages.flatMap(({ event: { event } }) => (event?.$case === "tokenIssued" ? [event.value.tokenId] : []));
}
