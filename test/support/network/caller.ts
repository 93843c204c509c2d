import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { processEnv } from "../service/service.ts";
import type { Ending } from "../service/shared.ts";
import type { CallerJob, Commands } from "./caller-process.ts";
import type { Machine } from "./machines.ts";

const PROGRAM = fileURLToPath(new URL("caller-process.ts", import.meta.url));

/** Starts a process on a machine that calls Signet as it is commanded. It ends with the test. */
export function startCaller(t: Ending, { under }: Machine, job: CallerJob): Commands {
  const [command = "", ...words] = [...under, process.execPath, PROGRAM, JSON.stringify(job)];
  const child = spawn(command, words, { env: processEnv(), stdio: ["ignore", "inherit", "inherit", "ipc"] });
  t.teardown(() => void child.kill("SIGKILL"));
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`the caller ended with ${code}`);
  });
  ended.catch(() => {});
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  child.on("message", ([number, { answer, error }]: [number, { answer?: unknown; error?: string }]) => {
    const asked = waiting.get(number);
    waiting.delete(number);
    if (error === undefined) asked?.resolve(answer);
    else asked?.reject(new Error(error));
  });
  let count = 0;
  const ask = (command: string) => async () => {
    const number = ++count;
    const asked = Promise.withResolvers<unknown>();
    waiting.set(number, asked);
    child.send([number, command]);
    return Promise.race([asked.promise, ended]);
  };
  return new Proxy({} as Commands, { get: (_, command) => ask(String(command)) });
}
