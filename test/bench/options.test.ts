import test from "ava";
import { readOptions, TABLES } from "../../bench/options.ts";

test("tables are measured in their own order, each once, and by default those that need no patience", (t) => {
  t.deepEqual(readOptions(["--table", "scale", "--table", "servers", "--table", "scale"]).tables, ["servers", "scale"]);
  t.deepEqual(readOptions(["--table", "all"]).tables, TABLES);
  t.deepEqual(readOptions([]).tables, ["servers", "pinned", "latency", "memory"]);
});

test("what an option can't be is refused with its name and what is allowed", (t) => {
  t.throws(() => readOptions(["--table", "server"]), { message: /^--table server: must be all, servers or / });
  t.throws(() => readOptions(["--rounds", "0"]), { message: "--rounds 0: must be a whole number from 1" });
  t.throws(() => readOptions(["--profile", "both"]), { message: "--profile both: must be issue or verify" });
});
