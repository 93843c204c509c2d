import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { readLog, unreadLog } from "../../../src/cli/input/audit-log.ts";
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

test("what could not be read is named: the files, or without any the stream", (t) => {
  const saidOf = (files: readonly string[]) => unreadLog(new Error("fault"), files, { nats: "nats://n" }).message;
  t.is(saidOf(["log.ndjson"]), "cannot read the log: fault");
  t.is(saidOf([]), "cannot read audit events from NATS at nats://n: fault");
});
