import { randomUUID } from "node:crypto";
import { writeSync } from "node:fs";
import { createUuidV7Generator } from "../../../src/audit/event-id.ts";
import { openSpool } from "../../../src/audit/spool/open.ts";
import { cachedFiles } from "../../support/files/spool-files.ts";
import { issued, TIME } from "../../support/files/spool-fixture.ts";

// Appends and rotates without a pause until it is killed. Each number that it prints is of a durable event.
const [folder = "", from = "0", disk = "right"] = process.argv.slice(2);
const spool = await openSpool({
  folder,
  writer: randomUUID,
  newId: createUuidV7Generator(),
  monotonic: () => performance.now(),
  logKey: async (writer) => ({ origin: `host/audit/${writer}`, verifierKey: `key of ${writer}` }),
  segmentBytes: 64 * 1024,
  ...(disk === "lying" ? { openFile: cachedFiles({ lying: true }) } : {}),
});
let number = Number(from);
const work = async (): Promise<never> => {
  for (;;) {
    const own = number++;
    await spool.append(issued(own), TIME);
    writeSync(1, `${own}\n`);
  }
};
const rotate = async (): Promise<never> => {
  for (;;) await spool.beginWriter("KEY_ROTATED", TIME);
};
await Promise.all([work(), work(), work(), rotate()]);
