import test from "ava";
import { readPage, tableRows } from "./pages.ts";

const SECONDS = 86_400;

/** The bytes of an event in the stream and in the spool, whose body is a line of the archive. */
function measured(): readonly [stream: number, archive: number] {
  const [stream = [], archive = []] = tableRows(readPage("docs/deploy.md"), "## Sizing");
  return [Number.parseInt(stream[1] ?? "", 10), Number.parseInt(archive[1] ?? "", 10)];
}

test("the sizes of the stream and the archive follow from the bytes that are measured", (t) => {
  const [stream, archive] = measured();
  const rows = tableRows(readPage("docs/archive.md"), "## How much it is").slice(0, 5);
  t.is(rows.length, 5);
  for (const [rate = "", ...sizes] of rows)
    for (const [at, bytes] of [stream, 30 * stream, 365 * archive].entries()) {
      const shown = Number.parseFloat(sizes[at] ?? "");
      const real = (Number(rate) * SECONDS * bytes) / 1e9;
      t.true(Math.abs(shown - real) <= 0.06 * real, `${rate} a second, column ${at}: ${real}`);
    }
});
