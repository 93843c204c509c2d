#!/usr/bin/env -S MALLOC_ARENA_MAX=1 node --disable-sigusr1 --max-semi-space-size=4
import { keepHeapSmall } from "./app/heap.ts";
import type { KeyBackup } from "./cli/commands/keys/export-restore.ts";

// Before the sources are read: most of what that allocates is garbage.
if (process.argv.includes("serve")) keepHeapSmall();
const { run } = await import("./cli/program.ts");

// Nothing that this process makes is ever open to others, e.g. a Unix socket, whose mode follows from the umask alone.
// Whether its group may use a socket stays the operator's decision.
process.umask(process.umask() | 0o007);
const { stdin, stdout, stderr, env } = process;
const io = { stdin, stdout, stderr, env, now: Date.now, signals: process };
// Only `serve` needs the service: the other commands start in half the time without it.
const startApp = async (...args: Parameters<typeof import("./app/app.ts").startApp>) =>
  (await import("./app/app.ts")).startApp(...args);
const backup: KeyBackup = {
  exportKeys: async (...args) => (await import("./app/keys/key-backup.ts")).exportKeys(...args),
  restoreKeys: async (...args) => (await import("./app/keys/key-backup.ts")).restoreKeys(...args),
};
process.exit(await run(process.argv, io, startApp, backup));
