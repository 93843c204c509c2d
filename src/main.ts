#!/usr/bin/env -S node --disable-sigusr1
import { run } from "./cli/program.ts";

const { stdin, stdout, stderr, env } = process;
const io = { stdin, stdout, stderr, env, now: Date.now, signals: process };
// Only `serve` needs the service: the other commands start in half the time without it.
const startApp = async (...args: Parameters<typeof import("./app.ts").startApp>) =>
  (await import("./app.ts")).startApp(...args);
process.exit(await run(process.argv, io, startApp));
