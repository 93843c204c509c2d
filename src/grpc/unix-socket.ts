import { once } from "node:events";
import { lstat, unlink } from "node:fs/promises";
import { connect } from "node:net";

/**
 * Removes the socket file of an address `unix:/path` when nobody listens there any more: a process that was killed leaves
 * it behind, and binding fails for as long as it is there. Any other file, and a socket that answers, is left alone.
 */
export async function removeStaleSocket(address: string): Promise<void> {
  const path = socketPath(address);
  if (path === undefined || !(await isSocket(path)) || !(await refuses(path))) return;
  await unlink(path);
}

/** As grpc-js reads it: `unix:relative`, `unix:/absolute` or `unix:///absolute`. */
function socketPath(address: string): string | undefined {
  return /^unix:(?:\/\/(?=\/))?(.+)$/.exec(address)?.[1];
}

async function isSocket(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  return found?.isSocket() === true;
}

/** Only a refusal proves that nobody listens: a full backlog, say, is an error too. */
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
