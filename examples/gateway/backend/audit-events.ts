import { readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { type ConsumerMessages, connect, type NatsConnection } from "nats";

const STREAM = "SIGNET_AUDIT";
/** Where the log goes on once the subjects of the first stream were moved: docs/archive.md of Signet. */
const NEXT_STREAM = "SIGNET_AUDIT_2";
/** How often the second stream is looked for. */
const LOOK_MS = 2000;
/** Checkpoints are no events: their bodies are signed notes. */
const CHECKPOINTS = "signet.audit.checkpoint.";
/** The inboxes that an auditor may read. */
const INBOXES = "_INBOX.signet-audit";
/** Shown to a page that opens later. */
const RECENT = 20;

/** Relays Signet's audit events from NATS to pages, as server-sent events. They hold no token and no personal claim. */
export class AuditEvents {
  readonly #nats: NatsConnection;
  readonly #messages: ConsumerMessages[] = [];
  readonly #pages = new Set<ServerResponse>();
  readonly #recent: string[] = [];
  /** Resolves when the first stream was read to its end: what is in the second came later. */
  readonly #first = Promise.withResolvers<void>();
  readonly #closing = new AbortController();

  private constructor(nats: NatsConnection) {
    this.#nats = nats;
  }

  /** Reads the audit log at NATS_URL, as the user in NATS_USER_FILE and NATS_PASSWORD_FILE if these are set. */
  static async follow(env: NodeJS.ProcessEnv): Promise<AuditEvents> {
    const { NATS_URL: servers = "nats://127.0.0.1:4222", NATS_USER_FILE: user, NATS_PASSWORD_FILE: password } = env;
    const proof = user && password ? { user: readFileSync(user, "utf8"), pass: readFileSync(password, "utf8") } : {};
    const nats = await connect({ servers, ...proof, inboxPrefix: INBOXES, maxReconnectAttempts: -1 });
    const events = new AuditEvents(nats);
    void events.#relay(await events.#open(STREAM));
    void events.#followNext();
    return events;
  }

  async #open(stream: string): Promise<ConsumerMessages> {
    const consumer = await this.#nats.jetstream({ checkAPI: false }).consumers.get(stream);
    const messages = await consumer.consume();
    this.#messages.push(messages);
    return messages;
  }

  /** Most installations never have the second stream, and its name may be denied to users of before. */
  async #followNext(): Promise<void> {
    const { signal } = this.#closing;
    await this.#first.promise;
    while (!signal.aborted) {
      const messages = await this.#open(NEXT_STREAM).catch(() => undefined);
      if (messages !== undefined) return this.#relay(messages);
      await delay(LOOK_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #relay(messages: ConsumerMessages): Promise<void> {
    for await (const message of messages) {
      if (message.info.pending === 0) this.#first.resolve();
      if (message.subject.startsWith(CHECKPOINTS)) continue;
      const type = message.headers?.get("ce-type") ?? message.subject;
      const line = `event: audit\ndata: ${JSON.stringify({ type, ...message.json<object>() })}\n\n`;
      this.#recent.push(line);
      if (this.#recent.length > RECENT) this.#recent.shift();
      for (const page of this.#pages) page.write(line);
    }
  }

  /** Streams the events to a page until it goes away. */
  stream(response: ServerResponse): void {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    response.write(`: connected\n\n${this.#recent.join("")}`);
    this.#pages.add(response);
    response.once("close", () => this.#pages.delete(response));
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const page of this.#pages) page.end();
    // The client does not do it when its connection closes, and its timers would keep the process.
    for (const messages of this.#messages) await messages.close();
    await this.#nats.close();
  }
}
