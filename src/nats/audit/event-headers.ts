import { MsgHdrsImpl } from "nats";
import type { OutgoingEvent, OutgoingNote } from "../../audit/forward/sink.ts";

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

/** The headers of an event, for publishing only. A trace is the CloudEvents extension "distributed tracing". */
export function eventHeaders({ id, type, time, writer, traceparent }: OutgoingEvent): MsgHdrsImpl {
  const trace = traceparent === "" ? "" : `ce-traceparent: ${traceparent}\r\n`;
  return new EventHeaders(
    Buffer.from(
      `NATS/1.0\r\nNats-Msg-Id: ${id}\r\nce-specversion: 1.0\r\nce-id: ${id}\r\nce-type: ${type}\r\n\
ce-source: signet/${writer}\r\nce-time: ${time}\r\nce-datacontenttype: application/json\r\n\
content-type: application/json\r\n${trace}\r\n`,
      "latin1",
    ),
  );
}

/** The headers of a checkpoint, for publishing only. It is no CloudEvent: its body is a text. */
export function noteHeaders({ id }: OutgoingNote): MsgHdrsImpl {
  return new EventHeaders(
    Buffer.from(`NATS/1.0\r\nNats-Msg-Id: ${id}\r\ncontent-type: text/plain; charset=utf-8\r\n\r\n`, "latin1"),
  );
}
