import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { startAuditThread } from "../../src/audit-thread/start.ts";
import { kekOf } from "../../src/jose/kek.ts";
import { HANGS_MS } from "../support/bounded.ts";
import { bodiesOf, issued, makeSpool, TIME } from "../support/files/spool-fixture.ts";
import { tempFolder } from "../support/files/temp.ts";

const MINUTE = 60_000;
const PROGRAM = new URL("./clocked-audit.ts", import.meta.url);

test("an idle writer says every ten minutes that it is there, with a checkpoint, and one that writes does not", async (t) => {
  const data = await tempFolder(t);
  const folder = join(data, "spool");
  const settings = {
    ...{ folder, maxBytes: 1 << 30, installation: undefined, acceptLosses: [], nats: undefined, traced: false },
    log: { host: "tokens.example", keks: [kekOf(Buffer.alloc(32, 1))] as const },
  };
  const clock = (ms: number) => writeFile(join(data, "clock"), String(ms));
  await clock(0);
  const pipeline = await startAuditThread(
    settings,
    () => {},
    (error) => t.fail(String(error)),
    PROGRAM,
  );
  pipeline.registered(pipeline.writer);
  const at = async (ms: number) => {
    await clock(ms);
    return (await pipeline.checkpoint(new Map(), false)) !== undefined;
  };
  await pipeline.append(issued(1), TIME);
  t.true(await at(0), "control: a checkpoint of the event");
  t.false(await at(10 * MINUTE - 1), "control: it is idle for less than ten minutes");
  t.true(await at(10 * MINUTE));
  t.false(await at(20 * MINUTE - 1));
  t.true(await at(20 * MINUTE));
  await clock(29 * MINUTE);
  await pipeline.append(issued(2), TIME);
  t.true(await at(29 * MINUTE));
  t.false(await at(31 * MINUTE), "an event is a sign of life, too");
  await pipeline.stop(HANGS_MS);

  const spool = await makeSpool(t, { folder });
  const events = (await bodiesOf(spool)).map((body) => JSON.parse(body.toString()));
  const kinds = events.map((event) =>
    "auditAlive" in event ? "alive" : "writerOpened" in event ? "opened" : (event.tokenIssued?.tokenId ?? "other"),
  );
  t.deepEqual(kinds, ["opened", "token-1", "alive", "alive", "token-2"]);
});
