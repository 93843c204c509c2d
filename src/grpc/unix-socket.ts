import { once } from "node:events";
import { lstat, unlink } from "node:fs/promises";
import { connect } from "node:net";

/**
 * Removes the stale socket file of an address `unix:/path`. A killed process leaves it behind, and binding fails while
 * it exists. Any other file is left alone, and so is a socket that still has a listener.
 */
export async function removeStaleSocket(address: string): Promise<void> {
  const path = socketPath(address);
  if (path === undefined || !(await isSocket(path)) || !(await refuses(path))) return;
  await unlink(path);
}

/** The path in an address of the form `unix:/path` or `unix:///path`, undefined for TCP. */
export function socketPath(address: string): string | undefined {
  return /^unix:(?:\/\/)?(\/[^/].*)$/.exec(address)?.[1];
}

async function isSocket(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  return found?.isSocket() === true;
}

/** Whether the socket has no listener. Only a refusal proves that: a full backlog is an error too. */
async function refuses(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, "connect");
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ECONNREFUSED";
  } finally {
    socket.destroy();
  }
}
