import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import type { Ending } from "../service/shared.ts";
import type { Language } from "./languages.ts";

/** A subscriber in a process of its own. */
export interface RunningSubscriber {
  /** What it has written so far. */
  readonly printed: string;
  readonly errors: string;
  kill9(): Promise<void>;
}

/** Starts a subscriber, which keeps what it has processed in `file`. It is killed after the test. */
export async function startSubscriber(
  t: Ending,
  language: Language,
  file: string,
  env: Readonly<Record<string, string>>,
): Promise<RunningSubscriber> {
  const { command, args, env: own = process.env } = await language.program(t);
  const child = spawn(command, [...args, file], { env: { ...own, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const shown = { printed: "", errors: "" };
  child.stdout.on("data", (text) => {
    shown.printed += text;
  });
  child.stderr.on("data", (text) => {
    shown.errors += text;
  });
  const kill9 = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  };
  t.teardown(kill9);
  return {
    get printed() {
      return shown.printed;
    },
    get errors() {
      return shown.errors;
    },
    kill9,
  };
}

/** The ids of the events that a subscriber has processed, in its order. */
export function processedIn(file: string): string[] {
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : [];
  return lines.map((line) => line.split("\t")[0] ?? "");
}
