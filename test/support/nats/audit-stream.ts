import { connect, type MsgHdrs, type NatsConnection } from "nats";
import { AuditEvent } from "../../../src/gen/signet/v1/audit.ts";

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

/** All messages of the stream SIGNET_AUDIT, oldest first. Empty if there is no stream. */
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
  const stored = names.includes("SIGNET_AUDIT") ? (await manager.streams.info("SIGNET_AUDIT")).state.messages : 0;
  const messages: AuditMessage[] = [];
  if (stored === 0) return messages;
  for await (const message of await (await jetstream.consumers.get("SIGNET_AUDIT")).consume()) {
    messages.push(decodeMessage(message));
    if (message.info.pending === 0) break;
  }
  return messages;
}

/** The ids of the tokens whose issuance the events record. */
export function tokenIdsOf(messages: readonly Pick<AuditMessage, "event">[]): string[] {
  return messages.flatMap(({ event: { event } }) => (event?.$case === "tokenIssued" ? [event.value.tokenId] : []));
}
