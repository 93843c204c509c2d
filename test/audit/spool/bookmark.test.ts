import test from "ava";
import { BookmarkKeeper, readProgress } from "../../../src/audit/spool/bookmark.ts";
import { placeOf } from "../../../src/files/place.ts";
import { tempFolder } from "../../support/files/temp.ts";

const stream = { created: "2026-01-01T00:00:00Z", seq: 1, eventId: "e" };

test("saves that overlap are written one after the other, and the last position wins", async (t) => {
  const folder = await tempFolder(t);
  const keeper = new BookmarkKeeper(placeOf(folder), { position: 0, stream }, { next: 1, prevHash: new Uint8Array() });
  const saves: Promise<void>[] = [];
  for (let position = 1; position <= 20; position += 1) {
    keeper.move({ position, stream });
    keeper.reached({ next: position + 1, prevHash: Buffer.from([position]) });
    saves.push(keeper.close());
  }
  await t.notThrowsAsync(Promise.all(saves));
  t.deepEqual(await readProgress(folder), {
    bookmark: { position: 20, stream },
    end: { next: 21, prevHash: Buffer.from([20]) },
  });
});
