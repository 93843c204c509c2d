import { createInbox, type Msg, type MsgHdrs, type NatsConnection } from "nats";
import { within } from "../../async/timeout.ts";
import {
  type EventSink,
  type NoteSink,
  type Outcome,
  type OutgoingEvent,
  type OutgoingNote,
  SinkError,
  type SinkErrorCode,
  type StreamMark,
  type StreamState,
} from "../../audit/forward/sink.ts";
import { denialText, reasonOf } from "../errors.ts";
import type { NatsLink } from "../link.ts";
import type { JudgeSettings } from "../settings.ts";
import { eventHeaders, noteHeaders } from "./event-headers.ts";
import { ensureStream, holdsEvent, holdsMark, lastUnder } from "./stream.ts";
import { AUDIT_STREAM } from "./streams.ts";

export interface PublisherOptions {
  /** On how many servers of a cluster the stream is stored. */
  readonly replicas: number;
  /** How long a group waits for its acknowledgements: 5 s by default. */
  readonly ackTimeoutMs?: number;
  readonly judge?: JudgeSettings | undefined;
}

/** An event or a note, with its headers. */
interface Message extends OutgoingNote {
  readonly headers: MsgHdrs;
}

/** Messages that were published together. Their reply subjects are numbered from `from`. */
interface Group {
  readonly from: number;
  readonly outcomes: (Outcome | undefined)[];
  open: number;
  readonly finish: () => void;
}

/**
 * JetStream as the sink of events. All acknowledgements arrive on one subscription, and each is awaited: this
 * distinguishes an event that was stored from one that the library dropped while it reconnected.
 */
export class NatsPublisher implements EventSink, NoteSink {
  readonly #link: NatsLink;
  readonly #options: PublisherOptions;
  readonly #inbox = createInbox();
  readonly #groups = new Set<Group>();
  #subscribed: NatsConnection | undefined;
  #nextReply = 0;
  /** The stream that was inspected. */
  #stream: string = AUDIT_STREAM;

  constructor(link: NatsLink, options: PublisherOptions) {
    this.#link = link;
    this.#options = options;
  }

  async connected(signal: AbortSignal): Promise<number> {
    if (this.#link.connection === undefined) await this.#link.connected(signal);
    return this.#link.generation;
  }

  inspect(mark: StreamMark | undefined, signal: AbortSignal): Promise<StreamState> {
    // The library's requests take no signal: each would hold up a stop for its whole time-out.
    return within({ signal }, this.#inspect(mark), () => {
      throw new SinkError("TIMEOUT", "aborted");
    });
  }

  async #inspect(mark: StreamMark | undefined): Promise<StreamState> {
    const connection = this.#link.connection;
    if (connection === undefined) throw new SinkError("DISCONNECTED", "not connected to NATS");
    const { info, all, usage, settings } = await ensureStream(connection, this.#options.replicas, this.#options.judge);
    this.#stream = info.config.name;
    const holds = mark === undefined || (await holdsMark(connection, all, mark));
    return { created: info.created, holds, settings, usage };
  }

  publish(events: readonly OutgoingEvent[], signal: AbortSignal): Promise<readonly Outcome[]> {
    return this.#publish(
      events.map((event) => ({ ...event, headers: eventHeaders(event) })),
      signal,
    );
  }

  async publishNote(note: OutgoingNote, signal: AbortSignal): Promise<Outcome> {
    const [outcome] = await this.#publish([{ ...note, headers: noteHeaders(note) }], signal);
    return outcome ?? failed("TIMEOUT", "aborted");
  }

  lastNote(subject: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const connection = this.#link.connection;
    if (connection === undefined) return Promise.reject(new SinkError("DISCONNECTED", "not connected to NATS"));
    return within({ signal }, lastUnder(connection, subject), () => {
      throw new SinkError("TIMEOUT", "aborted");
    });
  }

  async #publish(events: readonly Message[], signal: AbortSignal): Promise<readonly Outcome[]> {
    const connection = this.#link.connection;
    if (connection === undefined) return events.map(() => failed("DISCONNECTED", "not connected to NATS"));
    if (events.length === 0) return [];
    this.#subscribe(connection);
    const stream = this.#stream;
    const group = await this.#exchange(connection, events, signal);
    return Promise.all(
      events.map(({ id }, at) => {
        const outcome = group[at] ?? failed("TIMEOUT", "JetStream did not acknowledge in time");
        return outcome.stored && outcome.duplicate ? proveDuplicate(connection, stream, outcome, id) : outcome;
      }),
    );
  }

  #exchange(
    connection: NatsConnection,
    events: readonly Message[],
    signal: AbortSignal,
  ): Promise<readonly (Outcome | undefined)[]> {
    return new Promise((resolve) => {
      const outcomes: (Outcome | undefined)[] = events.map(() => undefined);
      const finish = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", finish);
        ignoreDown();
        ignoreDenial();
        this.#groups.delete(group);
        resolve(outcomes);
      };
      const group: Group = { from: this.#nextReply, outcomes, open: events.length, finish };
      const timer = setTimeout(finish, this.#options.ackTimeoutMs ?? 5000);
      const ignoreDown = this.#link.onDown(connection, () => {
        for (const [at, outcome] of outcomes.entries()) {
          outcomes[at] = outcome ?? failed("DISCONNECTED", "the connection to NATS was lost before an acknowledgement");
        }
        finish();
      });
      const ignoreDenial = this.#link.onDenial((denial) => {
        for (const [at, { subject }] of events.entries())
          if (denial.operation === "publish" && denial.subject === subject)
            settle(group, at, failed("REFUSED", denialText(denial)));
      });
      signal.addEventListener("abort", finish);
      this.#groups.add(group);
      this.#nextReply += events.length;
      for (const [at, event] of events.entries()) this.#send(connection, group, at, event);
      if (signal.aborted) finish();
    });
  }

  #send(connection: NatsConnection, group: Group, at: number, event: Message): void {
    try {
      const reply = `${this.#inbox}.${group.from + at}`;
      connection.publish(event.subject, event.body, { reply, headers: event.headers });
    } catch (error) {
      settle(group, at, failed("REFUSED", reasonOf(error)));
    }
  }

  #subscribe(connection: NatsConnection): void {
    if (this.#subscribed === connection) return;
    this.#subscribed = connection;
    connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error === null) this.#take(message);
        else this.#refuse(reasonOf(error));
      },
    });
  }

  /** Without the subscription no acknowledgement can arrive. The next group subscribes again. */
  #refuse(reason: string): void {
    this.#subscribed = undefined;
    for (const group of this.#groups)
      for (const at of group.outcomes.keys()) settle(group, at, failed("REFUSED", reason));
  }

  #take(message: Msg): void {
    const reply = Number(message.subject.slice(this.#inbox.length + 1));
    for (const group of this.#groups) {
      const at = reply - group.from;
      if (at >= 0 && at < group.outcomes.length) settle(group, at, readAck(message, this.#stream));
    }
  }
}

function settle(group: Group, at: number, outcome: Outcome): void {
  if (group.outcomes[at] !== undefined) return;
  group.outcomes[at] = outcome;
  if (--group.open === 0) group.finish();
}

/**
 * JetStream acknowledges an id as a duplicate although it has dropped its message since, by a limit or a purge. Such an
 * event is stored again only when the duplicate window is over.
 */
async function proveDuplicate(
  connection: NatsConnection,
  stream: string,
  outcome: Extract<Outcome, { stored: true }>,
  id: string,
): Promise<Outcome> {
  try {
    if (await holdsEvent(connection, stream, outcome.seq, id)) return outcome;
    return failed(
      "REFUSED",
      "the stream has dropped the event, and remembers its id until its duplicate_window is over",
    );
  } catch (error) {
    return error instanceof SinkError ? failed(error.code, error.message) : failed("REFUSED", reasonOf(error));
  }
}

function readAck(message: Msg, inspected: string): Outcome {
  const text = Buffer.from(message.data.buffer, message.data.byteOffset, message.data.byteLength).toString();
  if (text === "") return failed("NO_STREAM", "no stream accepts audit events");
  try {
    const ack: Record<string, unknown> = JSON.parse(text);
    if (ack.error !== undefined) return refusal(ack.error);
    const { stream, seq, duplicate } = ack;
    // Its sequence numbers say nothing about those of another stream, to which the subjects may have been moved since.
    if (stream === inspected && typeof seq === "number") return { stored: true, seq, duplicate: duplicate === true };
  } catch {}
  return failed("REFUSED", `the answer did not come from the stream ${inspected}`);
}

function refusal(error: unknown): Outcome {
  const { err_code, description } = Object(error) as Record<string, unknown>;
  return failed("REFUSED", `JetStream answered ${String(err_code)} ${String(description)}`);
}

function failed(code: SinkErrorCode, message: string): Outcome {
  return { stored: false, code, message };
}
