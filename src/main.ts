#!/usr/bin/env -S MALLOC_ARENA_MAX=1 node --disable-sigusr1 --max-semi-space-size=4 --no-maglev
import type { Work } from "./cli/commands.ts";
import { run } from "./cli/program.ts";

// Nothing that this process makes is ever open to others, e.g. a Unix socket, whose mode follows from the umask alone.
// Whether its group may use a socket stays the operator's decision.
process.umask(process.umask() | 0o007);
const { stdin, stdout, stderr, env } = process;
const io = { stdin, stdout, stderr, env, now: Date.now, signals: process };
// Only few commands need the service: the others start in half the time without it.
const work: Work = {
  startApp: async (...args) => {
    const [{ startApp }, { keepHeapSmall }] = await Promise.all([import("./app/app.ts"), import("./app/heap.ts")]);
    keepHeapSmall();
    return startApp(...args);
  },
  backup: {
    exportKeys: async (...args) => (await import("./app/keys/key-backup.ts")).exportKeys(...args),
    restoreKeys: async (...args) => (await import("./app/keys/key-backup.ts")).restoreKeys(...args),
  },
  closeWriter: async (...args) => (await import("./app/audit/close-writer.ts")).closeWriter(...args),
  checkConnections: async (...args) => (await import("./app/check-connections.ts")).checkConnections(...args),
};
process.exit(await run(process.argv, io, work));
