import test from "ava";
import { tilePath } from "../../../src/audit/tiles/tile-path.ts";
import { Tiles } from "../../../src/audit/tiles/tiles.ts";
import { EMPTY_EDGE, grow, rootOf } from "../../../src/audit/tree/edge.ts";
import { leafHash } from "../../../src/audit/tree/hash.ts";

const entry = (number: number) => Buffer.from(`entry ${number}`);

function filesOf(size: number) {
  const tiles = new Tiles();
  const files = Array.from({ length: size }, (_, at) => tiles.add(entry(at))).flat();
  return { tiles, files: new Map([...files, ...tiles.partial()].map(({ path, content }) => [path, content])) };
}

test("the path of a tile is that of C2SP tlog-tiles", (t) => {
  t.is(tilePath(0, 0, 256), "tile/0/000");
  t.is(tilePath(1, 1_234_067, 256), "tile/1/x001/x234/067");
  t.is(tilePath("entries", 273, 112), "tile/entries/273.p/112");
  t.is(tilePath(2, 1000, 1), "tile/2/x001/000.p/1");
});

// The example of the format.
test("a tree of 70000 entries has the tiles that the format names", (t) => {
  const { tiles, files } = filesOf(70_000);
  const paths = [...files.keys()];
  const ofLevel = (level: number | string) => paths.filter((path) => path.startsWith(`tile/${level}/`));
  t.is(ofLevel(0).length, 274);
  t.is(ofLevel("entries").length, 274);
  t.is(files.get("tile/0/273.p/112")?.length, 112 * 32);
  t.deepEqual(ofLevel(1).toSorted(), ["tile/1/000", "tile/1/001.p/17"]);
  t.deepEqual(ofLevel(2), ["tile/2/000.p/1"]);
  t.is(files.get("tile/0/000")?.length, 8_192);
  t.is(tiles.size, 70_000);
});

test("a tree of 256 entries has a full tile, and a partial one of its root above", (t) => {
  const { tiles, files } = filesOf(256);
  t.deepEqual([...files.keys()], ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]);
  t.true(files.get("tile/1/000.p/1")?.equals(tiles.root));
  t.true(
    tiles.root.equals(rootOf(Array.from({ length: 256 }, (_, at) => leafHash(entry(at))).reduce(grow, EMPTY_EDGE))),
  );
});

test("an entry in its bundle has its length before it, and its hash in the tile of level 0", (t) => {
  const { files } = filesOf(3);
  t.deepEqual([...files.keys()], ["tile/entries/000.p/3", "tile/0/000.p/3"]);
  const bundle = files.get("tile/entries/000.p/3") ?? Buffer.alloc(0);
  t.is(bundle.toString("latin1"), "\0\u0007entry 0\0\u0007entry 1\0\u0007entry 2");
  t.true(
    files
      .get("tile/0/000.p/3")
      ?.subarray(32, 64)
      .equals(leafHash(entry(1))),
  );
});

test("an entry whose length 16 bits can't tell is refused", (t) => {
  const tiles = new Tiles();
  t.deepEqual(tiles.add(Buffer.alloc(65_535)), []);
  t.throws(() => tiles.add(Buffer.alloc(65_536)), { code: "TOO_LARGE" });
});
