import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** Sends the fields to the service manager. Rejects when it can't be told. */
export type Notify = (fields: Readonly<Record<string, string>>) => Promise<void>;

/** `systemd-notify` itself waits up to 5 s until the manager has read the message. */
const NOTIFY_MS = 10_000;

const run = promisify(execFile);

/**
 * Sends by `systemd-notify`, since Node has no Unix datagram sockets. The program is given the manager's socket and the
 * path on which it is found, and nothing else of the environment, which may hold secrets.
 */
export function createNotify(env: NodeJS.ProcessEnv): Notify {
  const { NOTIFY_SOCKET, PATH } = env;
  return async (fields) => {
    const assignments = Object.entries(fields).map(([name, value]) => `${name}=${oneLine(value)}`);
    await run("systemd-notify", assignments, {
      env: { NOTIFY_SOCKET, PATH },
      timeout: NOTIFY_MS,
      killSignal: "SIGKILL",
    });
  };
}

/** Each line of a message is a field of its own, so no text may begin another one. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, " ");
}
