import test, { type ExecutionContext } from "ava";
import { readHeader } from "../../../src/audit/event-header.ts";
import type { TailedEvent } from "../../../src/nats/audit/read-stream.ts";
import { bodiesOf, issued, makeSpool } from "../../support/files/spool-fixture.ts";
import { tempFolder } from "../../support/files/temp.ts";
import { trailFaults } from "../../support/nats/audit-trail.ts";

/** Two epochs of three events each, of the tokens token-1 to token-6. */
async function trail(t: ExecutionContext): Promise<TailedEvent[]> {
  const folder = await tempFolder(t);
  const before = await makeSpool(t, { folder });
  for (const number of [1, 2, 3]) await before.append(issued(number), 0);
  await before.close();
  const spool = await makeSpool(t, { folder });
  for (const number of [4, 5, 6]) await spool.append(issued(number), 0);
  return (await bodiesOf(spool)).map((body, at) => {
    const { id } = readHeader(body);
    return {
      stream: "SIGNET_AUDIT",
      seq: at + 1,
      subject: "signet.audit.token.issued.service",
      headers: { "Nats-Msg-Id": id, "ce-id": id },
      body,
    };
  });
}

const tokens = ["token-1", "token-2", "token-3", "token-4", "token-5", "token-6"];

test("a whole trail has no fault, in any order, and with any caller", async (t) => {
  const events = await trail(t);
  t.deepEqual(trailFaults(events, tokens), {});
  t.deepEqual(trailFaults(events.toReversed(), ["token-5"]), {});
});

test("a token without an event is a fault, and so is one with two", async (t) => {
  const events = await trail(t);
  t.deepEqual(trailFaults(events, [...tokens, "token-7"]), { TOKEN_WITHOUT_EVENT: 1 });
  t.like(trailFaults([...events, ...events.slice(-1)], tokens), { TOKEN_WITH_TWO_EVENTS: 1 });
});

test("an event that is there twice is a fault", async (t) => {
  const events = await trail(t);
  t.like(trailFaults([...events, ...events.slice(-1)], tokens), { EVENT_TWICE: 1 });
});

test("a missing event leaves a gap, and at the end of an epoch a broken link", async (t) => {
  const events = await trail(t);
  t.deepEqual(trailFaults(events.toSpliced(1, 1), []), { GAP: 1, WRONG_INDEX: 1, BROKEN_LINK: 1 });
  t.deepEqual(trailFaults(events.toSpliced(2, 1), []), { WRONG_INDEX: 1, BROKEN_LINK: 1 });
});

test("an event with the index of another one, or none, is a fault", async (t) => {
  const events = await trail(t);
  const withLast = (from: string | RegExp, to: string) =>
    events.with(-1, { ...events[5], body: Buffer.from(String(events[5]?.body).replace(from, to)) } as TailedEvent);
  for (const index of [withLast('"logIndex":"5"', '"logIndex":"4"'), withLast('"logIndex":"5",', "")])
    t.deepEqual(trailFaults(index, []), { WRONG_INDEX: 1 });
  t.deepEqual(trailFaults(withLast('"logIndex":"5"', '"logIndex":"5"'), []), {}, "control");
});

test("an event that was changed breaks the link of the next", async (t) => {
  const events = (await trail(t)).map((event, at) =>
    at === 0 ? { ...event, body: Buffer.from(String(event.body).replace("token-1", "token-9")) } : event,
  );
  t.deepEqual(trailFaults(events, []), { BROKEN_LINK: 1 });
});

test("headers that name another event are a fault", async (t) => {
  const events = await trail(t);
  for (const header of ["Nats-Msg-Id", "ce-id"]) {
    const renamed = events.map((event) => ({ ...event, headers: { ...event.headers, [header]: "another" } }));
    t.deepEqual(trailFaults(renamed, []), { ID_MISMATCH: 6 });
  }
});
