import { MsgHdrsImpl } from "nats";
import type { OutgoingEvent } from "../../audit/forward/sink.ts";

/**
 * The CloudEvents attributes as NATS headers (CloudEvents NATS binding, 3.1: binary mode), and the content type also
 * under the name that the bindings of HTTP and Kafka give it. They are encoded as one block of bytes: building and
 * encoding the library's map of headers costs more than the rest of publishing. The values were checked to be visible
 * ASCII; otherwise a line break in one would add headers.
 */
class EventHeaders extends MsgHdrsImpl {
  readonly #block: Buffer;

  constructor(block: Buffer) {
    super();
    this.#block = block;
  }

  override encode(): Uint8Array {
    return this.#block;
  }
}

/** The headers of an event, for publishing only. */
export function eventHeaders({ id, type, time, writer }: OutgoingEvent): MsgHdrsImpl {
  return new EventHeaders(
    Buffer.from(
      `NATS/1.0\r\nNats-Msg-Id: ${id}\r\nce-specversion: 1.0\r\nce-id: ${id}\r\nce-type: ${type}\r\n\
ce-source: signet/${writer}\r\nce-time: ${time}\r\nce-datacontenttype: application/json\r\n\
content-type: application/json\r\n\r\n`,
      "latin1",
    ),
  );
}
