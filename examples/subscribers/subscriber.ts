// Follows the audit log of Signet: processes each event once, and checks each writer's chain.
// Usage: node subscriber.ts FILE     (npm install nats, and the package of Signet for its contract)
import { createHash } from "node:crypto";
import { closeSync, fsyncSync, openSync, readFileSync, truncateSync, writeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { AuditEvent } from "@signet-tokens/signet/v1/audit";
import { AckPolicy, connect, nanos } from "nats";

const { NATS_URL = "nats://127.0.0.1:4222", AUDIT_STREAM = "SIGNET_AUDIT", SUBSCRIBER = "billing" } = process.env;
const { PASSWORD_FILE } = process.env;
const [, , file = "processed.txt"] = process.argv;

/** What was processed: a line for each event, with its id, and the hashes that link it to the chain of its writer. */
interface Line {
  readonly id: string;
  readonly writer: string;
  readonly prevHash: string;
  readonly hash: string;
}

const seen = new Set<string>();
/** The hash of the last event of each writer up to which no link is missing, and what does not follow yet. */
const heads = new Map<string, string>();
const waiting = new Map<string, Line>();

/** Events can arrive before the one that they link to, so a link is judged when the stream is read to its end. */
function link(line: Line): void {
  seen.add(line.id);
  waiting.set(`${line.writer} ${line.prevHash}`, line);
  for (;;) {
    const follows = `${line.writer} ${heads.get(line.writer) ?? ""}`;
    const next = waiting.get(follows);
    if (next === undefined) return;
    waiting.delete(follows);
    heads.set(next.writer, next.hash);
  }
}

// 1. What an earlier run has processed. Only whole lines: one without its end was not acknowledged, and comes again.
const output = openSync(file, "a+", 0o600);
const text = readFileSync(file, "utf8");
const whole = text.slice(0, text.lastIndexOf("\n") + 1);
truncateSync(file, Buffer.byteLength(whole));
for (const line of whole.split("\n").slice(0, -1)) {
  const [id = "", writer = "", prevHash = "", hash = ""] = line.split("\t");
  link({ id, writer, prevHash, hash });
}

// 2. A durable consumer: the server remembers what was acknowledged.
const login = PASSWORD_FILE ? { user: SUBSCRIBER, pass: (await readFile(PASSWORD_FILE, "utf8")).trim() } : {};
const connection = await connect({ servers: NATS_URL, inboxPrefix: `_INBOX.${SUBSCRIBER}`, ...login });
const manager = await connection.jetstreamManager({ checkAPI: false });
await manager.consumers.add(AUDIT_STREAM, {
  durable_name: SUBSCRIBER,
  ack_policy: AckPolicy.Explicit,
  // What is not acknowledged by then is delivered again.
  ack_wait: nanos(10_000),
});
const consumer = await connection.jetstream().consumers.get(AUDIT_STREAM, SUBSCRIBER);

for await (const message of await consumer.consume()) {
  // 3. Checkpoints of the logs are in the stream too, and are no events.
  if (!message.subject.startsWith("signet.audit.checkpoint.")) take(message.data);
  // 5. Acknowledged only when it is processed: what was not comes again.
  if (waiting.size === 0 || message.info.pending > 0) {
    message.ack();
    continue;
  }
  // At the end of the stream, when nothing comes again, a link that is open is a fault.
  await message.ackAck();
  const { num_pending, num_ack_pending } = await consumer.info();
  if (num_pending + num_ack_pending > 0) continue;
  for (const { id, writer } of waiting.values())
    process.stderr.write(`broken chain: writer ${writer}: what event ${id} follows is missing or altered\n`);
}

/** 4. Processes an event, once. */
function take(body: Uint8Array): void {
  const event = AuditEvent.fromJSON(JSON.parse(Buffer.from(body).toString()));
  if (seen.has(event.eventId)) return;
  if (event.event?.$case === "tokenIssued") {
    const { profile, tokenId, claims } = event.event.value;
    process.stdout.write(`token ${tokenId} of ${profile} grants ${JSON.stringify(claims ?? {})}\n`);
  }
  // What you do for an event, and that it is done, must become durable together: here it is one line of a file. In a
  // database it is one transaction, with a unique index on the id.
  const prevHash = Buffer.from(event.prevHash).toString("base64");
  const hash = createHash("sha256").update(body).digest("base64");
  const line = { id: event.eventId, writer: event.writer, prevHash, hash };
  writeSync(output, `${Object.values(line).join("\t")}\n`);
  fsyncSync(output);
  link(line);
}

process.once("exit", () => closeSync(output));
