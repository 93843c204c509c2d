import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import test from "ava";
import { cpuMicroseconds } from "../../bench/servers/usage.ts";
import { waitUntil } from "../support/wait-until.ts";

test("the CPU of a process is that of its tree, with the children that have ended", async (t) => {
  // The shell itself only waits, and then reads.
  const shell = spawn("sh", ["-c", "(while :; do :; done) & echo $!; wait; read line"], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  t.teardown(() => shell.kill("SIGKILL"));
  const { pid = 0 } = shell;
  const child = Number(await once(shell.stdout, "data"));
  await waitUntil("the child has worked", () => cpuMicroseconds(pid) >= 100_000).finally(() =>
    process.kill(child, "SIGKILL"),
  );
  await waitUntil("the child has ended", () => !existsSync(`/proc/${child}`));
  t.true(cpuMicroseconds(pid) >= 100_000);
  t.is(cpuMicroseconds(child), 0, "negative control: a process that is gone has none");
});
