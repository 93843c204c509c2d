import { execFile } from "node:child_process";
import test, { type ExecutionContext, type Implementation } from "ava";
import type { KeyBackup } from "../../../src/cli/commands/keys/export-restore.ts";
import { HANGS_MS } from "../../support/bounded.ts";
import { findTool } from "../../support/service/find-tool.ts";
import { testUnless } from "../../support/unless-missing.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { terminal } from "../terminal.ts";

const EXPORT = ["keys", "export", "--out", "unused"];

/** A backup that copies nothing until `finish`, and says what it does. */
function slowBackup() {
  const finished = Promise.withResolvers<void>();
  const exportKeys: KeyBackup["exportKeys"] = async (_config, _path, _now, say) => {
    say("opening the keys: 3 of 7 rings");
    await finished.promise;
    return { rings: [], revocations: 0 };
  };
  return { finish: finished.resolve, backup: { exportKeys, restoreKeys: exportKeys } };
}

/** The standard error of an export, which ends as soon as `isShown` holds for it. */
async function exported(options: readonly string[], tty: boolean, isShown: (stderr: string) => boolean) {
  const { finish, backup } = slowBackup();
  const { io, signet } = terminal({ tty, backup });
  let stderr = "";
  io.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk;
  });
  const ended = signet(...EXPORT, ...options);
  await waitUntil("the progress is shown", () => isShown(stderr));
  finish();
  return ended;
}

test("on a terminal, long work says what it does, and erases it before the result", async (t) => {
  const { code, stdout, stderr } = await exported([], true, (shown) => shown.includes(" s"));
  t.deepEqual([code, stdout], [0, "exported, with 0 revocations\n"]);
  t.regex(stderr, /^\ropening the keys: 3 of 7 rings \.\.\. \d+ s/);
  const [, line = "", erased = ""] = /\r([^\r]+)\r( +)\r$/.exec(stderr) ?? [];
  t.is(erased.length, line.length);
  t.false(stderr.includes("\u001b"), "every terminal can show it");
});

test("quick work says nothing on a terminal", async (t) => {
  t.is((await exported([], true, () => true)).stderr, "");
});

/** Runs `signet` for about two seconds on a pseudo terminal, which `script` of util-linux gives it. */
function onTerminal(t: ExecutionContext, words: string): Promise<string> {
  const command = `${process.execPath} src/main.ts health --address unix:/nowhere/signet --wait 2s ${words}`;
  return new Promise((resolve) => {
    execFile("script", ["-qc", command, "/dev/null"], { timeout: 3 * HANGS_MS }, (error, stdout) => {
      t.is(error, null);
      resolve(stdout);
    });
  });
}

const missing = findTool("script") === undefined ? "scripts/commands.sh script says how to get it" : undefined;
const testOnTerminal = (title: string, run: Implementation<[]>) => testUnless(missing, title, run);

testOnTerminal("a real terminal shows it", async (t) => {
  const shown = await onTerminal(t, "");
  t.regex(shown, /\runix:\/nowhere\/signet does not answer \.\.\. \d+ s/);
  t.regex(shown, /\r +\r.*error:.* UNAVAILABLE: no Signet answers/);
});

for (const [where, words] of [
  ["with --json", "--json"],
  ["where standard error is a file", "2>&1 | cat"],
] as const)
  testOnTerminal(`${where} there is no progress`, async (t) => {
    t.notRegex(await onTerminal(t, words), /\.\.\. \d+ s|\r[^\n]/);
  });
