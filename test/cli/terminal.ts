import { EventEmitter } from "node:events";
import { PassThrough, Readable } from "node:stream";
import type { Work } from "../../src/cli/commands.ts";
import { run } from "../../src/cli/program.ts";

/** The present time of all commands in these tests: noon. */
export const NOW = Date.UTC(2026, 10, 22, 12);

interface Setting {
  readonly env?: Record<string, string>;
  readonly stdin?: string | Buffer;
  /** Unix milliseconds; {@link NOW} by default. */
  readonly now?: () => number;
  readonly tty?: boolean;
  /** The width of the terminal. */
  readonly columns?: number;
  readonly startApp?: Work["startApp"];
  readonly backup?: Work["backup"];
  readonly checkConnections?: Work["checkConnections"];
  readonly closeWriter?: Work["closeWriter"];
}

/** A command line in this process, with streams in memory and signals from an emitter. */
export function terminal({
  env = {},
  stdin = "",
  now = () => NOW,
  tty = false,
  columns,
  startApp = noApp,
  backup = noBackup,
  checkConnections = noConnections,
  closeWriter = noLog,
}: Setting = {}) {
  const signals = new EventEmitter();
  const stdout = Object.assign(new PassThrough(), { isTTY: tty, ...(columns === undefined ? {} : { columns }) });
  const stderr = Object.assign(new PassThrough(), { isTTY: tty });
  const io = { stdin: Readable.from([Buffer.from(stdin)]), stdout, stderr, env, now, signals };
  const written = { stdout: "", stderr: "" };
  stdout.on("data", (chunk: Buffer) => {
    written.stdout += chunk.toString();
  });
  stderr.on("data", (chunk: Buffer) => {
    written.stderr += chunk.toString();
  });
  return {
    io,
    signals,
    async signet(...words: string[]) {
      const code = await run(["node", "signet", ...words], io, { startApp, backup, checkConnections, closeWriter });
      await Promise.all([stdout, stderr].map(drained));
      return { code, ...written };
    },
  };
}

/** Runs one command line to its end. */
export function signet(words: readonly string[], setting: Setting = {}) {
  return terminal(setting).signet(...words);
}

const noLog: Work["closeWriter"] = () => Promise.reject(new Error("this test closes no log"));
const noApp: Work["startApp"] = () => Promise.reject(new Error("this test starts no app"));

const refused = () => Promise.reject(new Error("this test copies no keys"));
const noBackup: Work["backup"] = { exportKeys: refused, restoreKeys: refused };
const noConnections: Work["checkConnections"] = () => Promise.reject(new Error("this test connects to nothing"));

async function drained(stream: PassThrough): Promise<void> {
  while (stream.readableLength > 0) await new Promise((resolve) => setImmediate(resolve));
}
