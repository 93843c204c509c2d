import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { readLog } from "../../../src/cli/input/audit-log.ts";
import { tempFolder } from "../../support/files/temp.ts";
import { terminal } from "../terminal.ts";

test("the files of a log are read until it is interrupted", async (t) => {
  const file = join(await tempFolder(t), "log.ndjson");
  await writeFile(file, "{}\n".repeat(5));
  const read = async (until: number) => {
    const stop = new AbortController();
    let count = 0;
    for await (const _ of readLog([file], { nats: "" }, terminal().io, stop.signal))
      if (++count === until) stop.abort();
    return count;
  };
  t.is(await read(2), 2);
  t.is(await read(9), 5, "control: not interrupted");
});
