import { randomBytes } from "node:crypto";
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import type { JsMsg, NatsConnection } from "nats";
import { headAfter, nextPlace, startEpoch } from "../../src/audit/chain.ts";
import { encodeEvent } from "../../src/audit/encode.ts";
import { ensureStream } from "../../src/nats/audit/stream.ts";
import { readPage } from "../docs/pages.ts";
import { tempFolder } from "../support/files/temp.ts";
import { envOf, startAccountsNats } from "../support/nats/accounts.ts";
import { connect } from "../support/nats/connect.ts";
import { startNats, testWithNats } from "../support/nats/nats-server.ts";
import { secretFile } from "../support/nats/secure-nats.ts";
import { issue, startService } from "../support/service/service.ts";
import { type Language, subscriberLanguages } from "../support/subscribers/languages.ts";
import { processedIn, startSubscriber } from "../support/subscribers/running.ts";
import { waitUntil } from "../support/wait-until.ts";

/** The user that docs/subscribers.md adds to the accounts. */
const [, USER = ""] = /^```\n( +\{\n +user: billing.*?)^```$/ms.exec(readPage("docs/subscribers.md")) ?? [];

// Before the first test: AVA takes none that is declared later.
for (const language of await subscriberLanguages()) {
  testWith(language, "that is killed and resumed processes each event once, as the user of the page", async (t) => {
    const password = randomBytes(24).toString("base64url");
    const nats = await startAccountsNats(t, { users: USER, passwords: `BILLING_PASSWORD: "${password}"\n` });
    const folder = await tempFolder(t);
    const env = { NATS_URL: nats.url, PASSWORD_FILE: await secretFile(folder, "billing.password", `${password}\n`) };
    const service = await startService(t, { env: envOf(nats, nats.signet) });
    const admin = await connected(t, nats.url, { user: "admin", pass: nats.admin });
    const issueMany = async (count: number) => {
      for (let done = 0; done < count; done++) await issue(service);
    };
    await issueMany(20);
    const file = join(folder, "processed.txt");
    const first = await startSubscriber(t, language, file, env);
    await waitUntil("some events are processed", () => processedIn(file).length >= 5 || first.errors !== "");
    await first.kill9();
    t.is(first.errors, "");
    // What it was writing when it was killed, an event that is delivered again, and what is no event.
    await appendFile(file, "01980000-0000-7000-8000-");
    const again = (await messagesOf(admin)).find(({ subject }) => subject.includes("token.issued"));
    await admin.jetstream().publish(again?.subject ?? "", again?.data ?? "");
    await admin.jetstream().publish("signet.audit.checkpoint.a-writer", "tokens.example.com/audit/a-writer\n1\nAAAA\n");
    await issueMany(5);
    const second = await startSubscriber(t, language, file, env);
    const last = await issue(service);
    await waitUntil("the last event is read", () => second.errors !== "" || second.printed.includes(last.tokenId));
    t.is(second.errors, "");
    const events = (await messagesOf(admin)).filter(({ subject }) => !subject.includes(".checkpoint."));
    const ids = [...new Set(events.map((message) => message.json<{ eventId: string }>().eventId))];
    t.is(ids.length, events.length - 1, "one event is in the stream twice");
    const hasAll = () => ids.every((id) => processedIn(file).includes(id));
    await waitUntil("all events are processed", () => hasAll() || second.errors !== "");
    t.is(second.errors, "");
    const processed = processedIn(file);
    t.is(new Set(processed).size, processed.length, "each once");
    // What the service has said about itself meanwhile comes after these.
    t.deepEqual(processed.filter((id) => ids.includes(id)).toSorted(), ids.toSorted());
    t.is(second.errors, "");
  });

  testWith(language, "finds an altered event, and no fault in events that only arrive in another order", async (t) => {
    const bodies = chainOf(8);
    const altered = bodies.map((body, at) =>
      at === 3 ? Buffer.from(body.toString().replace("another-0", "mallory-0")) : body,
    );
    t.is(altered.filter((body, at) => !body.equals(bodies[at] ?? body)).length, 1);
    const judged = async (stored: readonly Buffer[]) => {
      const nats = await startNats(t);
      const connection = await connected(t, nats.url);
      await ensureStream(connection, 1);
      const publish = (body: Buffer) => connection.jetstream().publish("signet.audit.token.denied.service", body);
      for (const body of stored.slice(0, -1)) await publish(body);
      const file = join(await tempFolder(t), "processed.txt");
      const subscriber = await startSubscriber(t, language, file, { NATS_URL: nats.url });
      const hasRead = (count: number) => () => processedIn(file).length === count;
      await waitUntil("the stream is read to its end", hasRead(stored.length - 1));
      // Once this one is processed, what was said about those before it was said.
      for (const body of stored.slice(-1)) await publish(body);
      await waitUntil("the last event is processed", hasRead(stored.length));
      return subscriber;
    };
    const [one, two, ...rest] = bodies as [Buffer, Buffer, ...Buffer[]];
    t.is((await judged([two, one, ...rest])).errors, "");
    const subscriber = await judged(altered);
    await waitUntil("the fault is reported", () => subscriber.errors !== "");
    const { eventId } = JSON.parse(String(bodies[4]));
    t.regex(
      subscriber.errors,
      new RegExp(`broken chain: writer w1: what event ${eventId} follows is missing or altered`),
    );
  });
}

test("each subscriber is one file that says the five steps of the page", (t) => {
  const steps = [..."12345"].map((step) => new RegExp(`(//|"""|#|\\*\\*) ${step}\\. |"""${step}\\. `));
  for (const file of ["subscriber.ts", "subscriber.py", "subscriber.go"]) {
    const text = readPage(`examples/subscribers/${file}`);
    t.deepEqual(
      steps.filter((step) => !step.test(text)),
      [],
      file,
    );
  }
});

/** A language that can't be had here is skipped, in CI too: as for other peers, its registry may be unreachable. */
function testWith(language: Language, title: string, run: (t: ExecutionContext) => Promise<void>): void {
  const whole = `the subscriber in ${language.name} ${title}`;
  if (language.missing === undefined) testWithNats(whole, run as never);
  else test.skip(`${whole} (skipped: ${language.missing})`, () => undefined);
}

async function connected(t: ExecutionContext, url: string, login: object = {}): Promise<NatsConnection> {
  const connection = await connect({ servers: url, ...login });
  t.teardown(() => connection.close());
  return connection;
}

async function messagesOf(connection: NatsConnection): Promise<JsMsg[]> {
  const messages: JsMsg[] = [];
  for await (const message of await (await connection.jetstream().consumers.get("SIGNET_AUDIT")).consume()) {
    messages.push(message);
    if (message.info.pending === 0) break;
  }
  return messages;
}

/** The bodies of a writer's first events. */
function chainOf(count: number): Buffer[] {
  const bodies: Buffer[] = [];
  let head = startEpoch("w1", 1, new Uint8Array());
  for (let at = 0; at < count; at++) {
    const place = nextPlace(head);
    const caller = { name: `another-${at % 3}`, proof: "mtls", address: "192.0.2.7" } as const;
    const denied = { type: "token.denied", profile: "service", caller, reason: "INVALID_REQUEST", count: 1 } as const;
    const id = `01980000-0000-7000-8000-${String(at).padStart(12, "0")}`;
    const body = encodeEvent(id, 1_790_000_000_000 + at, { ...place, logIndex: at }, { ...denied, requestId: "" });
    bodies.push(body);
    head = headAfter(place, body);
  }
  return bodies;
}
