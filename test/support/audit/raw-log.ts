import { createHash } from "node:crypto";
import type { ExecutionContext } from "ava";
import { type NatsConnection, headers as newHeaders } from "nats";
import { readHeader, subjectOf } from "../../../src/audit/event-header.ts";
import { bodiesOf, issued, makeSpool, TIME } from "../files/spool-fixture.ts";

/** The bodies of a writer's first events. */
export async function bodiesBy(t: ExecutionContext<unknown>, writer: string, count: number): Promise<string[]> {
  const spool = await makeSpool(t, { writer: () => writer });
  for (let number = 1; number <= count; number++) await spool.append(issued(number), TIME);
  return (await bodiesOf(spool)).map(String);
}

/** The same events as a version without logs wrote them: chained, and without an index. */
export function withoutLog(bodies: readonly string[]): string[] {
  const chained: string[] = [];
  for (const body of bodies) {
    const { logIndex: _, prevHash: __, ...event } = JSON.parse(body);
    const before = chained.at(-1);
    const prevHash = before === undefined ? undefined : createHash("sha256").update(before).digest("base64");
    chained.push(JSON.stringify({ ...event, prevHash }));
  }
  return chained;
}

/** Publishes events as a replica does. The stream must exist. */
export async function publishBodies(connection: NatsConnection, bodies: readonly string[]): Promise<void> {
  for (const body of bodies) {
    const { id, writer, time, type, profile } = readHeader(Buffer.from(body));
    const headers = newHeaders();
    const labels = {
      "Nats-Msg-Id": id,
      "ce-id": id,
      "ce-source": `signet/${writer}`,
      "ce-time": time,
      "ce-type": type,
    };
    for (const [name, value] of Object.entries(labels)) headers.set(name, value);
    await connection.jetstream().publish(subjectOf({ type, profile }), body, { headers });
  }
}
