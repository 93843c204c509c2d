import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import test from "ava";
import { AuditEvent } from "../../../src/gen/signet/v1/audit.ts";
import { bodiesOf, makeSpool } from "../../support/files/spool-fixture.ts";
import { tempFolder } from "../../support/files/temp.ts";
import { chainFaults } from "../../support/nats/audit-trail.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const PROGRAM = fileURLToPath(import.meta.resolve("./rotating-writer.ts"));
const KILLS = 8;

/** Runs a writer that rotates all the time, until it has answered so many events, and kills it. Returns the numbers. */
async function killAfter(folder: string, from: number, answers: number, disk = "right"): Promise<number[]> {
  const child = spawn(process.execPath, [PROGRAM, folder, String(from), disk], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const answered: number[] = [];
  createInterface(child.stdout).on("line", (line) => {
    answered.push(Number(line));
    if (answered.length === answers) child.kill("SIGKILL");
  });
  await once(child, "close");
  return answered;
}

test("killed at random while its key is rotated all the time, a spool has each answered event once, in whole logs", async (t) => {
  const random = seededRandom(t);
  const folder = await tempFolder(t);
  const answered: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) answered.push(...(await killAfter(folder, kill * 10_000, random(1, 60))));

  const spool = await makeSpool(t, { folder, logKey: async () => ({ origin: "host/audit/last", verifierKey: "key" }) });
  await spool.append({ type: "service.stopped", reason: "the end" }, 0);
  const entries = (await bodiesOf(spool)).map((body) => ({
    event: AuditEvent.fromJSON(JSON.parse(String(body))),
    body,
  }));
  t.deepEqual(chainFaults(entries), [], "chains and indexes");
  const tokens = entries.flatMap(({ event: { event } }) =>
    event?.$case === "tokenIssued" ? [event.value.tokenId] : [],
  );
  t.is(new Set(tokens).size, tokens.length);
  t.deepEqual(
    answered.filter((number) => !tokens.includes(`token-${number}`)),
    [],
    "lost",
  );

  const logs = [...Map.groupBy(entries, ({ event }) => event.writer).values()];
  t.log(`${answered.length} answered, ${tokens.length} stored, ${logs.length} logs`);
  t.true(logs.length > KILLS);
  let predecessor = "";
  for (const [at, log] of logs.entries()) {
    const kinds = log.map(({ event }) => event.event?.$case);
    t.deepEqual(
      kinds.map((kind, index) => (kind === "writerOpened" ? index : -1)).filter((index) => index >= 0),
      [0],
    );
    t.is(kinds.indexOf("writerClosed"), at === logs.length - 1 ? -1 : kinds.length - 1, "the last event alone");
    const opened = log[0]?.event.event;
    t.is(opened?.$case === "writerOpened" && opened.value.predecessor, predecessor, "one after the other");
    predecessor = log[0]?.event.writer ?? "";
  }
});

test("negative control: a spool whose disk did not sync what it said has lost events, and does not open", async (t) => {
  const folder = await tempFolder(t);
  t.true((await killAfter(folder, 0, 20, "lying")).length >= 20);
  await t.throwsAsync(makeSpool(t, { folder }), { code: "CORRUPT", message: /stored events are missing/ });
});
