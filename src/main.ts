#!/usr/bin/env -S node --disable-sigusr1 --disable-proto=throw
import { startApp } from "./app.ts";
import { run } from "./cli/program.ts";

const { stdin, stdout, stderr, env } = process;
process.exit(await run(process.argv, { stdin, stdout, stderr, env, now: Date.now, signals: process }, startApp));
